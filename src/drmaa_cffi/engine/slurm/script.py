"""The batch script: plain sh that runs the command and leaves a record of its end.

The record is the script's own standard error, `<token>.<index>.<restart>.run` in the folder of the
records while the command runs, and `....end` after it: a line `start`, what the shell says of a
signal, a line `end`. `ends` reads it.

Where one script serves an array of different jobs, what differs is in a table: a line of sh for
each.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drmaa_cffi.engine.core import spec

#: Numbers of the steps before the command, as the local engine counts them.
DIRECTORY, OUTPUT, ERROR, INPUT, EXECUTE = 1, 2, 3, 4, 7

#: In paths: what only the job knows. Paths have no NUL.
NUMBER = b"\0n\0"
INDEX = b"\0i\0"
_NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)

#: Not for the job: they belong to the allocation or the login session of its submitter.
_LEAKS = re.compile(
    rb"(SLURM_|SLURMD_|SLURM[0-9]|SBATCH_|SRUN_|SALLOC_|SQUEUE_|SACCT_|PMI|XDG_RUNTIME_DIR=|"
    rb"XDG_SESSION_|DBUS_|TMUX)"
)


class Streams(NamedTuple):
    """Which of its streams Slurm opens, since the native specification says so."""

    output: bool = False
    error: bool = False
    input: bool = False


def clean(environment: bytes) -> list[bytes]:
    """The variables of a submitter's environment that its job gets, as `NAME=value`."""
    return [
        variable
        for variable in environment.split(b"\0")
        if b"=" in variable[1:] and not _LEAKS.match(variable)
    ]


def quote(text: bytes) -> bytes:
    """The text as one word of sh, in one line; what only the job knows becomes its variables.

    Carriage returns are not in it: sbatch refuses a script with DOS line ends.
    """
    parts = re.split(rb"(\0n\0|\0i\0|\r|\n)", text)
    words = {
        NUMBER: b'"$_dc_job"',
        INDEX: b'"$_dc_index"',
        b"\r": b'"$_dc_return"',
        b"\n": b'"$_dc_newline"',
    }
    return b"".join(
        words.get(part) or b"'" + part.replace(b"'", b"'\\''") + b"'" for part in parts if part
    ) or (b"''")


def line_of(
    work: spec.JobSpec, context: spec.Context, files: spec.Files, token: str, streams: Streams
) -> bytes:
    """What the script does for one job, in a line.

    Args:
        work: what to run.
        context: what it takes over from its submitter.
        files: its paths, with `NUMBER` and `INDEX` for what only the job knows.
        token: names its record.
        streams: those that Slurm opens.
    """
    command = work.command
    words = [command, *work.arguments]
    settings = list(_odd(clean(context.environment)))
    path = b'"$PATH"'
    for setting in work.settings:
        name, _, value = setting.partition(b"=")
        settings.append(setting)
        if name == b"PATH":
            path = quote(value)
    # `env` sets names that sh would drop, finds a command by its name without trying the
    # shell's own ones, but takes a `=` in the command for a variable.
    if b"=" in command:
        words[:0] = [b"/bin/sh", b"-c", b'exec "$@"', b"sh"]
    env = [b"env", *settings] if settings or b"/" not in command or b"=" in command else []
    values = {
        b"token": token.encode(),
        b"name": quote(work.name),
        b"directory": quote(files.directory),
        b"command": quote(command),
        b"path": path,
        b"env": b"yes" if env else b"",
    }
    return b"; ".join(
        [
            *(b"_dc_%s=%s" % entry for entry in values.items()),
            b"_dc_streams() { %s; }" % b"; ".join(_open(work, files, streams)),
            b"set -- " + b" ".join(map(quote, [*env, *words])),
        ]
    )


def token_in(line: bytes) -> str:
    """Which job's line it is."""
    return line.partition(b";")[0].rpartition(b"=")[2].decode("ascii", "replace")


def make(
    work: spec.JobSpec,
    context: spec.Context,
    folder: bytes,
    job: bytes,
) -> bytes:
    """The script of a job, or of an array.

    Args:
        work: what to run, as far as the jobs of an array have it in common.
        context: what it takes over from its submitter.
        folder: where its record goes.
        job: the job's line, or `from_table`.
    """
    values = {
        b"FOLDER": quote(folder),
        b"UMASK": b"%04o" % context.umask,
        b"JOB": job,
        b"WARNING": b"%d" % _warning(work.times),
    }
    return re.sub(rb"@([A-Z]+)@", lambda match: values[match[1]], _SCRIPT)


def from_table(path: bytes) -> bytes:
    """What gets the line of each task of an array from a table. The tasks are single jobs."""
    return _TABLE.replace(b"@TABLE@", quote(path)).rstrip()


def _odd(environment: Iterable[bytes]) -> Iterable[bytes]:
    """Variables whose names sh does not take: exported functions of bash, for instance."""
    return (
        variable
        for variable in environment
        if not _NAME.fullmatch(variable[: variable.index(b"=", 1)])
    )


def _warning(times: spec.Times) -> int:
    """Seconds until the signal of a soft limit; 0 for none."""
    soft = [seconds for seconds in (times.wall_soft, times.run_soft) if seconds > 0]
    return min(soft, default=0)


def _open(work: spec.JobSpec, files: spec.Files, streams: Streams) -> Iterable[bytes]:
    """Descriptors 3, 4 and 5 become the command's input, output and error."""
    if streams.error:
        yield b"exec 5>&6"
    elif not work.join and not (streams.output and not work.error):
        yield b"_dc_open 5 %d %s %s" % (ERROR, quote(files.error), quote(files.error_name))
    if streams.output:
        yield b"exec 4>&1"
    else:
        yield b"_dc_open 4 %d %s %s" % (OUTPUT, quote(files.output), quote(files.output_name))
    if not streams.error and (work.join or (streams.output and not work.error)):
        yield b"exec 5>&4"
    if streams.input:
        yield b"exec 3<&0"
    else:
        yield b"command exec 3<%s || _dc_fail %d" % (quote(files.input), INPUT)


_SCRIPT = rb"""#!/bin/sh
# A job of drmaa-cffi: runs a command and leaves a record of its end.
_dc_return=$(printf '\r')
_dc_newline='
'
_dc_number=${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}
_dc_job=$_dc_number
_dc_index=${SLURM_ARRAY_TASK_ID:-0}
_dc_task=${SLURM_ARRAY_TASK_ID:-undefined}
_dc_status=127

_dc_do() { PATH=/usr/bin:/bin:$PATH command "$@"; }
_dc_end() {
    { echo "end $_dc_status $(_dc_do date +%s.%N)"; times; echo done; } >&2
    _dc_do mv -f "$_dc_record.run" "$_dc_record.end" 2>/dev/null
    exit "$_dc_status"
}
_dc_fail() { echo "fail $1" >&2; _dc_end; }
_dc_open() {
    _dc_file=$3
    if [ -d "$_dc_file" ]; then _dc_file=$_dc_file/$4; fi
    case $1 in
        4) command exec 4>>"$_dc_file" || _dc_fail "$2" ;;
        5) command exec 5>>"$_dc_file" || _dc_fail "$2" ;;
    esac
}
# A path with a slash, or a name that is in a folder of PATH or in the working directory.
_dc_look() {
    if [ -f "$1" ] && [ -x "$1" ]; then return 0; fi
    if [ -e "$1" ]; then _dc_why='Permission denied'; fi
    return 1
}
_dc_find() {
    _dc_why='No such file or directory'
    case $1 in */*) _dc_look "$1"; return ;; esac
    _dc_folders=$2:
    while [ -n "$_dc_folders" ]; do
        _dc_folder=${_dc_folders%%:*}
        _dc_folders=${_dc_folders#*:}
        if _dc_look "${_dc_folder:-.}/$1"; then return 0; fi
    done
    return 1
}
# USR1 to a process group after some seconds.
_dc_warn() {
    {
        trap 'kill "$_dc_sleep"; exit' TERM
        trap '' USR1
        _dc_do sleep "$1" &
        _dc_sleep=$!
        wait "$_dc_sleep"
        kill -USR1 "$2"
    } 3<&- 4>&- 5>&- 6>&- </dev/null >/dev/null 2>&1
}

exec 6>&2
umask 077
@JOB@
_dc_record=@FOLDER@/$_dc_token.$_dc_index.${SLURM_RESTART_COUNT:-0}
command exec 2>"$_dc_record.run" || exec 2>/dev/null
umask @UMASK@
echo "start $(_dc_do date +%s.%N) $_dc_number ${SLURMD_NODENAME:-?}" >&2
# The signals are for the command; we must live to see its end.
trap 'echo "got TERM" >&2' TERM
trap : HUP INT QUIT USR1 USR2 ALRM VTALRM XCPU
cd "$_dc_directory" || { _dc_find "$_dc_directory/"; echo "sh: $_dc_why" >&2; _dc_fail 1; }
_dc_streams
export JOB_ID="$_dc_job" JOB_NAME="$_dc_name" TASK_ID="$_dc_task"
if ! _dc_find "$_dc_command" "$_dc_path"; then
    # execvp() looks only in PATH.
    if [ -n "$_dc_env" ] && _dc_find "./$_dc_command" ''; then
        PATH=$PATH:
    else
        echo "drmaa-cffi: job $_dc_job: cannot execute '$_dc_command': $_dc_why" >&5
        echo "sh: $_dc_why" >&2
        _dc_fail 7
    fi
fi
if [ -n "${BASH_VERSION:-}" ]; then
    # With its job control bash tells a signal from an exit status above 128.
    set -m
    trap 'LC_ALL=C jobs >&2' CHLD
    "$@" <&3 >&4 2>&5 3<&- 4>&- 5>&- 6>&- &
    _dc_pid=$!
    if [ @WARNING@ != 0 ]; then _dc_warn @WARNING@ "-$_dc_pid" & fi
    while kill -0 "$_dc_pid" 2>/dev/null; do
        wait "$_dc_pid"
        if kill -0 "$_dc_pid" 2>/dev/null; then sleep 1; fi
    done
    trap - CHLD
    set +m
    wait "$_dc_pid"
    _dc_status=$?
else
    # dash says "Killed" on the standard error that is its own outside the parentheses. A
    # command in its background would ignore interrupts.
    if [ @WARNING@ != 0 ]; then _dc_warn @WARNING@ 0 & fi
    (exec "$@" <&3 >&4 2>&5 3<&- 4>&- 5>&- 6>&-)
    _dc_status=$?
fi
if [ @WARNING@ != 0 ]; then kill "$!"; fi
_dc_end
"""

# The table was written just before; another machine's file cache may not know yet.
_TABLE = rb"""_dc_tries=0
until [ -r @TABLE@ ] || [ "$_dc_tries" -ge 60 ]; do
    sleep 1
    _dc_tries=$((_dc_tries + 1))
done
_dc_line=$(LC_ALL=C _dc_do sed -n "$_dc_index{p;q;}" @TABLE@)
[ -n "$_dc_line" ] || exit 127
_dc_job=${_dc_number}_$_dc_index
_dc_index=0
_dc_task=undefined
eval "$_dc_line"
"""

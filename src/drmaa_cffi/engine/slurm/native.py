"""The native specification: the options of sbatch, in its own words."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any, NamedTuple

from drmaa_cffi.engine.core import codes

_FLAGS = "hHkOQsvVW"
_BARE_NAMES = """
contiguous exclusive get-user-env help hold ignore-pbs nice no-bell no-kill no-requeue
overcommit oversubscribe parsable propagate quiet reboot requeue share spread-job stepmgr
test-only usage use-min-nodes verbose version wait
"""
_VALUED_NAMES = """
account acctg-freq array batch bb bbf begin chdir cluster-constraint clusters comment
constraint container container-id core-spec cores-per-socket cpu-freq cpus-per-gpu
cpus-per-task deadline delay-boot dependency distribution error exclude export export-file
extra extra-node-info gid gpu-bind gpu-freq gpus gpus-per-node gpus-per-socket gpus-per-task
gres gres-flags hint input job-name kill-on-invalid-dep licenses mail-type mail-user mcs-label
mem mem-bind mem-per-cpu mem-per-gpu mincpus network nodefile nodelist nodes ntasks
ntasks-per-core ntasks-per-gpu ntasks-per-node ntasks-per-socket open-mode output partition
power prefer priority profile qos reservation resv-ports segment signal sockets-per-node
switches thread-spec threads-per-core time time-min tmp tres-bind tres-per-task uid
wait-all-nodes wckey workdir wrap
"""
#: Long options without a value, or with one only after `=`.
_BARE = frozenset(_BARE_NAMES.split())
_VALUED = frozenset(_VALUED_NAMES.split())
_SHORT = {
    "a": "array",
    "D": "chdir",
    "M": "clusters",
    "e": "error",
    "H": "hold",
    "h": "help",
    "i": "input",
    "J": "job-name",
    "o": "output",
    "Q": "quiet",
    "t": "time",
    "V": "version",
    "W": "wait",
}
_REFUSED = {
    "array": "the tasks of a bulk job are what runBulkJobs is for; --array=%N alone is legal, to "
    "run N of them at once",
    "clusters": "jobs go to the cluster of this machine's slurm.conf, where they are looked for",
    "help": "it would not submit",
    "parsable": "the engine gives it already",
    "test-only": "it would not submit",
    "usage": "it would not submit",
    "version": "it would not submit",
    "wait": "the wait of DRMAA does this",
    "wrap": "the command is the template's remoteCommand",
}


#: What the engine has to know of, and where it keeps it.
_FIELDS = {
    "chdir": "directory",
    "comment": "comment",
    "error": "error",
    "export": "export",
    "input": "input",
    "job-name": "name",
    "output": "output",
    "workdir": "directory",
}
#: What it does itself.
_OURS = ("chdir", "comment", "workdir")


class Native(NamedTuple):
    """What a native specification says.

    `words` are for sbatch; the others are options that the engine carries out itself, or has to
    know of, None where they are not given.
    """

    words: tuple[str, ...] = ()
    comment: str | None = None
    directory: str | None = None
    export: str | None = None
    name: str | None = None
    output: bool = False
    error: bool = False
    input: bool = False
    #: How many tasks of a bulk job run at once; 0 for any number.
    most: int = 0

    def text(self) -> str:
        """What `read` makes this of."""
        return json.dumps(self)


def read(text: str) -> Native:
    """The options whose `text()` this is."""
    words, *rest = json.loads(text)
    return Native(tuple(words), *rest)


def parse(*specifications: str) -> Native:
    """Reads native specifications, later ones over earlier ones, as sbatch does.

    Raises:
        codes.Refusal: what cannot be read, or would keep the engine from finding its job; sbatch
            itself checks the rest.
    """
    native = Native()
    for specification in specifications:
        try:
            words = shlex.split(specification)
        except ValueError as error:
            raise _refusal(f"'{specification}': {error}") from None
        words.reverse()
        while words:
            native = _take(native, words.pop(), words)
    return native


def _refusal(reason: str) -> codes.Refusal:
    return codes.Refusal(codes.DENIED_BY_DRM, f"native specification: {reason}")


def _take(native: Native, word: str, rest: list[str]) -> Native:
    if word in ("-", "--", ":") or not word.startswith("-"):
        raise _refusal(
            f"'{word}' is not an option of sbatch: the command and its arguments are the "
            "template's remoteCommand and args, and a job has one component"
        )
    if not word.startswith("--"):
        return _take_short(native, word, rest)
    name, equals, value = word[2:].partition("=")
    name = _whole(name)
    if not equals and name in _BARE:
        return _set(native, name, None, (word,))
    if equals:
        return _set(native, name, value, (word,))
    if name in _VALUED and not rest:
        raise _refusal(f"{word} needs a value")
    # One that is newer than this list: what does not look like an option is its value.
    if name in _VALUED or (rest and not rest[-1].startswith("-")):
        value = rest.pop()
        return _set(native, name, value, (f"{word}={value}",))
    return _set(native, name, None, (word,))


def _take_short(native: Native, word: str, rest: list[str]) -> Native:
    """A word of short options, the last one with its value: -Hp main, -N2."""
    at = 1
    while at < len(word):
        letter = word[at]
        at += 1
        name = _SHORT.get(letter, letter)
        if letter in _FLAGS:
            # -k and -s may have a value behind an equals sign only in their long forms.
            native = _set(native, name, None, (f"-{letter}",))
            continue
        value = word[at:]
        if not value:
            if not rest:
                raise _refusal(f"-{letter} needs a value")
            value = rest.pop()
        return _set(native, name, value, (f"-{letter}", value))
    return native


def _whole(name: str) -> str:
    """The option that an abbreviation stands for, as getopt_long() sees it."""
    known = [*_BARE, *_VALUED]
    if name in known:
        return name
    meant = [option for option in known if option.startswith(name)]
    return meant[0] if len(meant) == 1 else name


def _set(native: Native, name: str, value: str | None, words: tuple[str, ...]) -> Native:
    if name == "array" and re.fullmatch(r"%[1-9][0-9]{0,8}", value or ""):
        return native._replace(most=int((value or "%0")[1:]))
    reason = _REFUSED.get(name)
    if reason is not None:
        raise _refusal(f"{words[0].partition('=')[0]} cannot be used: {reason}")
    if name == "signal" and re.match("R?B", value or ""):
        raise _refusal(
            f"{words[0]} would signal the engine's script alone, and not the command: set "
            "softRunDurationLimit, which sends SIGUSR1 to the command"
        )
    if name == "quiet":
        return native
    field = _FIELDS.get(name)
    if name not in _OURS:
        native = native._replace(words=native.words + words)
    if field is None:
        return native
    # Of the streams it counts that they are given.
    change: dict[str, Any] = {field: True if field in ("output", "error", "input") else value}
    return native._replace(**change)


def size_of(native: Native) -> int:
    """The processors that it asks for: `slots` in the record."""
    tasks = per_task = 1
    text = " ".join(native.words)
    for pattern, which in (
        (r"(?:^| )(?:-n |--ntasks=)(\d+)", 0),
        (r"(?:^| )(?:-c |--cpus-per-task=)(\d+)", 1),
    ):
        found = re.findall(pattern, text, re.ASCII)
        if found and which:
            per_task = int(found[-1])
        elif found:
            tasks = int(found[-1])
    return max(tasks, 1) * max(per_task, 1)

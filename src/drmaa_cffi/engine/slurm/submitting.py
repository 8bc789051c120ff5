"""Submission: the words and the script for sbatch; each job is queued once, or not at all."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from typing import TYPE_CHECKING, NamedTuple

from drmaa_cffi.engine.core import codes, model, spec

from . import commands, config, native, script, snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_log = logging.getLogger(__name__)

_ID = re.compile(r"(\d+)(?:;\S*)?", re.ASCII)
_MARK = "drmaa:"
#: sbatch could not even send its question.
_NOT_SENT = "Unable to contact slurm controller (connect failure)"
#: The client waits a minute. sbatch has so many seconds of it; after that, as after any doubtful
#: answer, the job is looked for until this time after the beginning.
_SBATCH_SECONDS = 20.0
_PATIENCE = 45.0
_LOOK_AGAIN_SECONDS = 2.0
#: It is taken for not queued when Slurm has not shown it for this time, in seconds.
_SETTLED_SECONDS = 5.0
#: Of one word of a command's environment or arguments, which Linux sets.
_MOST_WORD = (128 << 10) - 1


class Doubtful(Exception):
    """Whether the job was queued could not be found out; it has the token of this exception."""

    def __init__(self, token: str, words: str) -> None:
        super().__init__(words)
        self.token = token


class Part(NamedTuple):
    """One sbatch of a submission: `begin` to `end` by `step`; a single job has step 0."""

    begin: int
    end: int
    step: int


def token_of(job: model.Job, part: int) -> str:
    """What names one sbatch of a job's submission, in its comment and its records."""
    return f"{job.token.hex()}{part:04x}"


def parts_of(begin: int, end: int, step: int, limits: config.Config) -> list[Part]:
    """The arrays that a bulk job becomes: several where Slurm takes fewer tasks at once.

    Raises:
        codes.Refusal: an index is larger than Slurm's arrays can have.
    """
    if not step:
        return [Part(0, 0, 0)]
    last = begin + (end - begin) // step * step
    if last >= limits.max_array_size:
        raise codes.Refusal(
            codes.DENIED_BY_DRM,
            f"a bulk job with the index {last}: Slurm's arrays here end at "
            f"{limits.max_array_size - 1} (MaxArraySize {limits.max_array_size} in slurm.conf): "
            "use smaller indices in several bulk jobs, or ask the administrators for more",
        )
    most = max(limits.max_array_tasks, 1) * step
    return [Part(at, min(at + most - step, last), step) for at in range(begin, last + 1, most)]


def words_of(
    work: spec.JobSpec, options: native.Native, token: str, part: Part, directory: bytes
) -> list[bytes]:
    """The arguments of sbatch: the attributes, then the native specification, which wins.

    Args:
        work: the attributes.
        options: the native specification.
        token: names this part.
        part: its indices.
        directory: what relative paths of Slurm's own streams begin at.

    Raises:
        codes.Refusal: an attribute is too long to be handed over.
    """
    times = work.times
    comment = f"{_MARK}{token}" if options.comment is None else f"{options.comment} {_MARK}{token}"
    words = [
        b"--parsable",
        b"--export=ALL",
        b"--job-name=" + work.name,
        b"--chdir=" + directory,
        b"--output=/dev/null",
        b"--input=/dev/null",
        b"--open-mode=append",
        b"--comment=" + os.fsencode(comment),
    ]
    if part.step:
        most = b"%%%d" % options.most if options.most else b""
        words.append(b"--array=%d-%d:%d" % part + most)
    if work.held:
        words.append(b"--hold")
    if times.start >= 0:
        words.append(b"--begin=uts%d" % times.start)
    if times.deadline >= 0:
        words.append(b"--deadline=uts%d" % times.deadline)
    if max(times.wall_hard, times.run_hard) >= 0:
        words.append(b"--time=%d" % _minutes(times))
    words += _mail_of(work)
    words += map(os.fsencode, options.words)
    longest = max(words, key=len)
    if len(longest) > _MOST_WORD:
        raise codes.Refusal(
            codes.DENIED_BY_DRM,
            f"an option of {len(longest)} bytes for sbatch ('{os.fsdecode(longest[:20])}...'): "
            f"{_MOST_WORD} are the most",
        )
    return words


def _mail_of(work: spec.JobSpec) -> list[bytes]:
    if work.block_email:
        return [b"--mail-type=NONE"]
    if work.emails:
        return [b"--mail-user=" + b",".join(work.emails), b"--mail-type=END,FAIL"]
    return []


def _minutes(times: spec.Times) -> int:
    """The time limit: Slurm counts in whole minutes, and takes 0 for none."""
    hard = [seconds for seconds in (times.wall_hard, times.run_hard) if seconds >= 0]
    return max(1, -(-min(hard) // 60))


class Submission(NamedTuple):
    """All that sbatch needs for one part."""

    token: str
    words: list[bytes]
    script: bytes
    submitter: commands.Submitter


def prepare(
    work: spec.JobSpec,
    context: spec.Context,
    options: native.Native,
    token: str,
    part: Part,
    folder: Path,
) -> Submission:
    """The submission of one part of a job.

    Args:
        work: what to run; gets the name and the directory of the native specification.
        context: where it is submitted.
        options: the category's and the template's native specification.
        token: names this part for ever: lower-case hexadecimal digits.
        part: its indices.
        folder: where its records go.

    Raises:
        codes.Refusal: Slurm cannot do this.
    """
    _take_over(work, options)
    files = spec.files_of(work, context, script.NUMBER, script.INDEX if part.step else None)
    streams = script.Streams(options.output, options.error, options.input)
    line = script.line_of(work, context, files, token, streams)
    # The script enters the working directory by itself, to tell why it cannot.
    own = any(streams) and b"\0" not in files.directory
    return Submission(
        token,
        words_of(work, options, token, part, files.directory if own else b"/"),
        script.make(work, context, os.fsencode(folder), line),
        _submitter_of(context),
    )


def prepare_array(jobs: Sequence[model.Job], token: str, table: bytes, folder: Path) -> Submission:
    """The submission of different jobs as one array; their lines are in a table.

    Args:
        jobs: single jobs with the same `likeness`.
        token: names the array.
        table: the table's path.
        folder: where their records go.

    Raises:
        codes.Refusal: Slurm cannot do this.
    """
    first = jobs[0]
    part = Part(1, len(jobs), 1)
    words = words_of(first.spec, first.spec.native, token, part, b"/")
    if first.spec.native.name is None:
        names = [job.spec.name for job in jobs]
        name = os.path.commonprefix(names) or first.spec.name  # noqa: RUF071  of characters
        words[words.index(b"--job-name=" + first.spec.name)] = b"--job-name=" + name
    return Submission(
        token,
        words,
        script.make(first.spec, first.context, os.fsencode(folder), script.from_table(table)),
        _submitter_of(first.context),
    )


def line_of(job: model.Job, token: str) -> bytes:
    """The line in the table of an array of a single job."""
    _take_over(job.spec, job.spec.native)
    files = spec.files_of(job.spec, job.context, script.NUMBER, None)
    return script.line_of(job.spec, job.context, files, token, script.Streams())


def likeness(job: model.Job) -> object:
    """What jobs must have in common to be tasks of one array; None where a job can be none."""
    work, options = job.spec, job.spec.native
    if job.step or options.output or options.error or options.input:
        return None  # Slurm opens its streams, which are one array's
    names = (work.times, work.held, work.block_email, tuple(work.emails))
    return (job.context.number, options._replace(directory=None), *names)


def _take_over(work: spec.JobSpec, options: native.Native) -> None:
    if options.name is not None:
        work.name = os.fsencode(options.name)
    if options.directory is not None:
        work.directory = os.fsencode(options.directory)


def _submitter_of(context: spec.Context) -> commands.Submitter:
    """As whose sbatch runs."""
    return commands.Submitter(
        dict(variable.split(b"=", 1) for variable in script.clean(context.environment)),
        spec.soft_limits_of(context),
        context.umask,
    )


class Submitting:
    """Hands submissions to sbatch.

    Args:
        run: Slurm's commands.
    """

    def __init__(self, run: commands.Commands) -> None:
        self._run = run

    async def submit(self, asked: Submission) -> str:
        """Queues a job and returns Slurm's number for it.

        Raises:
            codes.Refusal: it was not queued.
            Doubtful: that could not be found out.
        """
        submitter = asked.submitter
        conf = self._run.environment.get("SLURM_CONF")
        if conf is not None:
            variables = {**submitter.environment, b"SLURM_CONF": os.fsencode(conf)}
            submitter = submitter._replace(environment=variables)
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        try:
            said = await self._run.run(
                "sbatch",
                asked.words,
                script=asked.script,
                submitter=submitter,
                seconds=_SBATCH_SECONDS,
            )
        except commands.Refused as refused:
            raise codes.Refusal(codes.DENIED_BY_DRM, f"sbatch: {refused}") from refused
        except commands.Unreachable as away:
            if _NOT_SENT in str(away):
                words = f"{away}; nothing was submitted"
                raise codes.Refusal(codes.TRY_LATER, words) from away
            return await self._find(asked.token, str(away), deadline)
        # On a line of its own: a site's wrapper may print numbers in its sentences.
        lines = map(str.strip, said.splitlines())
        numbers = [match[1] for match in map(_ID.fullmatch, lines) if match]
        if numbers:
            return numbers[-1]
        # A site's wrapper that says nothing that we know.
        doubt = f"sbatch printed no job id, but '{said.strip()}'"
        return await self._find(asked.token, doubt, deadline)

    async def _find(self, token: str, doubt: str, deadline: float) -> str:
        """The job's number, after an answer that may be wrong."""
        _log.warning("a submission is doubtful: %s", doubt)
        loop = asyncio.get_running_loop()
        seen = None
        while True:
            try:
                number = await self.find(token, max(1.0, deadline - loop.time()))
            except (commands.Unreachable, commands.Refused) as away:
                if loop.time() > deadline - _LOOK_AGAIN_SECONDS:
                    raise Doubtful(
                        token,
                        f"{doubt}; whether the job was queued could not be found out ({away}): "
                        "if it was, it will be cancelled",
                    ) from away
            else:
                if number is not None:
                    return number
                # A controller that was away may take up the submission after our question.
                seen = loop.time() if seen is None else seen
                if loop.time() >= seen + _SETTLED_SECONDS:
                    raise codes.Refusal(codes.TRY_LATER, f"{doubt}; the job was not queued")
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def find(self, token: str, seconds: float = 60.0) -> str | None:
        """The number of the job with a token, in time; None if Slurm knows of none.

        Raises:
            commands.Unreachable, commands.Refused: nothing is known.
        """
        return (await self.found(seconds)).get(token)

    async def found(self, seconds: float = 60.0) -> dict[str, str]:
        """The numbers of all jobs that Slurm knows by their tokens.

        Raises:
            commands.Unreachable, commands.Refused: nothing is known.
        """
        return await snapshot.find_tokens(self._run, _MARK, seconds)

"""What the core asks of a back end: the one interface between it and a DRM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from . import engine, home, model, spec, waiting


class Backend(Protocol):
    """A DRM, as the engine sees it. All methods run in the event loop, and none may block it.

    What happens to jobs it says to the engine: `accepted`, `refused`, `ended`, and `soon` after
    each change, so that a round follows which stores it.
    """

    def read_native(self, text: str) -> Any:
        """What `prepare` made of a native specification, from the text that its `text()` gave."""
        ...

    def prepare(self, work: spec.JobSpec, context: spec.Context) -> bool:
        """Reads the job category and the native specification into `work.native`.

        Returns:
            Whether a later submission of the same template may use the same `work`.

        Raises:
            codes.Refusal: they are not legal.
        """
        ...

    def check(self, job: model.Job) -> None:
        """Looks at a job that is about to be stored; may give it its ids.

        Raises:
            codes.Refusal: it can never run.
        """
        ...

    async def start(self) -> None:
        """Takes up the jobs that the store has loaded, before any client comes.

        Raises:
            home.HomeError: it cannot work.
        """
        ...

    def submit(self, job: model.Job) -> None:
        """A job is stored: let it take its course, and say `accepted` or `refused`, now or later.

        Until then its client waits. After a restart `start` does so for those without ids.
        """
        ...

    def withdraw(self, job: model.Job) -> None:
        """A job that `check` has seen is not submitted: it could not be stored."""
        ...

    def control(
        self, question: waiting.Question, action: int, text: str, task: model.Task | None,
        *, again: bool,
    ) -> None:  # fmt: skip
        """Does one action to one job, and answers.

        Args:
            question: to be answered, now or later.
            action: of `codes`.
            text: the job's id.
            task: what the engine knows of it; None of a job that it does not know.
            again: the client asks a second time; it may have been done.

        Raises:
            codes.Refusal: it cannot be done.
        """
        ...

    def control_all(
        self, question: waiting.Question, action: int, jobs: Sequence[model.Job], *, again: bool
    ) -> None:
        """Does one action to all tasks of a session's jobs to which it applies, and answers."""
        ...

    def control_jobs(
        self,
        question: waiting.Question,
        action: int,
        jobs: Sequence[tuple[str, model.Task | None]],
        *,
        again: bool,
    ) -> None:
        """Does one action to each of some jobs to which it applies, as one order.

        The answer is `engine.pack_refusals`.
        """
        ...

    def status(self, question: waiting.Question, text: str, task: model.Task | None) -> None:
        """Answers with the DRMAA state of a job, a u32.

        Raises:
            codes.Refusal: there is no such job.
        """
        ...

    def after_round(self, *, stored: bool) -> None:
        """A round is over: do what relies on what was stored in it, if it was."""
        ...

    def context_dropped(self, number: int) -> None:
        """No job will be started in this context any more."""
        ...

    @property
    def busy(self) -> bool:
        """Whether there is work that keeps the engine alive without clients and jobs."""
        ...

    def kill_all(self) -> None:
        """Ends every job of the engine at once."""
        ...

    async def leave(self, *, wait: bool) -> None:
        """The engine leaves, all is stored; `wait` for the end of what the back end started."""
        ...

    async def finish(self) -> None:
        """The engine leaves: do what must be stored before."""
        ...

    def facts(self) -> dict[str, object]:
        """What the command `status` tells of it."""
        ...

    def facts_of(self, job: model.Job) -> dict[str, object]:
        """What the command `jobs` tells of a job."""
        ...

    def files_of(self, task: model.Task) -> spec.Files:
        """The paths of a task that has its id."""
        ...


class Kind(Protocol):
    """A kind of back end: how it is called, and how one is made."""

    #: Names its folder and its variables: `local`, `DRMAA_LOCAL_HOME`.
    name: str
    #: In messages: `the local engine`.
    title: str
    #: Whether its jobs need the engine: it stays until they have ended, and no other host can take
    #: them up.
    stays: bool

    def facts_without_engine(self) -> dict[str, object]:
        """What the command `status` tells where no engine runs."""
        ...

    def __call__(self, core: engine.Engine, home: home.Home) -> Backend:
        """Makes the back end of an engine, which has loaded its store.

        Raises:
            home.SettingError: an environment variable's value is not legal.
        """
        ...

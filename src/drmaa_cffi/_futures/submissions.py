"""How an executor submits: at once, or by way of what waits in the program."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from typing import Callable, Generator, Iterable, Iterator, NamedTuple, Sequence

from drmaa_cffi._binding.indices import Span
from drmaa_cffi._waiting import waiting
from drmaa_cffi.errors import DrmaaException, invalid_argument, shown
from drmaa_cffi.retry import Retry
from drmaa_cffi.template import JobTemplate

from .chains import Chain, Predecessor, followed
from .future import JobFuture
from .managed import Managed
from .pending import Pending
from .polling import OnStatus, StatusPoller
from .streams import Streams


class Wishes(NamedTuple):
    """What JobExecutor.submit() is asked for beside the job."""

    check: bool = False
    on_status: OnStatus | None = None
    after: Iterable[Predecessor] | Predecessor = ()
    only_if_ok: bool = False
    retry: Retry | None = None


class Submissions:
    """Submits the jobs of an executor.

    Args:
        pending: What the executor waits for.
        poller: Asks for states.
        most: How many jobs may be submitted and not ended; None for any number.
        refuse: Raises where the executor can't be used.
    """

    def __init__(
        self,
        pending: Pending,
        poller: StatusPoller,
        most: int | None,
        refuse: Callable[[], None],
    ) -> None:
        self._pending = pending
        self._poller = poller
        self._most = most
        self._refuse = refuse
        self._managing = threading.Lock()
        self._managed: Managed | None = None

    def submit(
        self, templates: list[JobTemplate], span: Span | None, wishes: Wishes
    ) -> list[JobFuture]:
        """Submit a bulk job, or a job for each template."""
        with self._submission(wishes.on_status):
            chain = Chain.of(wishes.after, only_if_ok=wishes.only_if_ok)
            must_wait = chain is not None and (chain.waits or chain.failure())
            if wishes.retry is not None and not isinstance(wishes.retry, Retry):
                raise invalid_argument(
                    f"retry can't be {shown(wishes.retry)}: pass drmaa_cffi.Retry(...)"
                )
            # What is not a template is refused by who submits it.
            are_templates = all(isinstance(template, JobTemplate) for template in templates)
            streams = [
                Streams.of(template, check=wishes.check) if are_templates else None
                for template in templates
            ]
            futures: list[JobFuture]
            if are_templates and (must_wait or wishes.retry or self._most is not None):
                futures = [*self._manager.submit(templates, span, chain, wishes.retry, streams)]
            else:
                with ExitStack() as stack:
                    copies = [stack.enter_context(followed(each, chain)) for each in templates]
                    answers = self._pending.run(copies, span)
                    futures = [*self._futures(answers, span, streams)]
            return self._watched(futures, wishes.on_status)

    def _futures(
        self,
        answers: Sequence[str | DrmaaException],
        span: Span | None,
        streams: Sequence[Streams | None],
    ) -> Iterator[JobFuture]:
        tasks = range(span[0], span[1] + 1, span[2]) if span else None
        for at, answer in enumerate(answers):
            own = streams[0 if tasks else at]
            if isinstance(answer, DrmaaException):
                yield self._manager.refused(answer)
            else:
                own = own.of_task(tasks[at]) if own and tasks else own
                yield self._pending.future(answer, own)

    @property
    def _manager(self) -> Managed:
        with self._managing:
            if self._managed is None:
                self._managed = Managed(self._run_accepted, self._most, self._pending)
            return self._managed

    def _run_accepted(
        self, templates: Sequence[JobTemplate], span: Span | None
    ) -> list[JobFuture | DrmaaException]:
        """Submit what was accepted, perhaps before the executor was shut down."""
        with self._submission(None, is_accepted=True):
            return [
                answer
                if isinstance(answer, DrmaaException)
                else self._pending.future(answer, None)
                for answer in self._pending.run(templates, span)
            ]

    @contextmanager
    def _submission(
        self, on_status: object, *, is_accepted: bool = False
    ) -> Generator[None, None, None]:
        """A block that submits jobs and makes their futures."""
        self._refuse()
        if on_status is not None and not callable(on_status):
            raise invalid_argument(
                f"on_status can't be {shown(on_status)}: pass a function of a future and a state"
            )
        with self._pending.submission(is_accepted=is_accepted):
            yield

    def attach(self, job_id: str, on_status: OnStatus | None) -> JobFuture:
        """Return a future of a job that was submitted before."""
        with self._submission(on_status):
            waiting.waits.look_for(job_id)
            return self._watched([self._pending.future(job_id, None)], on_status)[0]

    def _watched(self, futures: list[JobFuture], on_status: OnStatus | None) -> list[JobFuture]:
        if on_status is not None:
            for future in futures:
                self._poller.watch_if_possible(future, on_status)
        return futures

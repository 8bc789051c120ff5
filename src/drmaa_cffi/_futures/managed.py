"""Futures of jobs that are tried again, that wait for room, or for others in the program."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Callable, Iterable, Sequence

from drmaa_cffi.errors import DrmaaException
from drmaa_cffi.retry import Retry
from drmaa_cffi.template import JobTemplate

from .attempts import AttemptsFuture, NoSource, Source
from .chains import Chain, never_run
from .future import JobFuture
from .streams import Streams
from .submitter import Run, Submitter

if TYPE_CHECKING:
    from drmaa_cffi._binding.indices import Span

    from .pending import Pending


class Managed:
    """Makes such futures for an executor.

    Args:
        run: Submits templates; see Submitter.
        most: How many jobs may be submitted and not ended; None for any number.
        pending: What the executor waits for, and is to wait for these, too.
    """

    def __init__(self, run: Run, most: int | None, pending: Pending) -> None:
        self._submitter = Submitter(run, most)
        self._pending = pending

    def submit(
        self,
        templates: Sequence[JobTemplate],
        span: Span | None,
        chain: Chain | None,
        retry: Retry | None,
        streams: Sequence[Streams | None],
    ) -> list[AttemptsFuture]:
        """Submit a bulk job, or a job for each template, now or later.

        Args:
            templates: What to run; one, where there is a span.
            span: The indices of a bulk job.
            chain: Those that the jobs follow.
            retry: When they are tried again.
            streams: Where the jobs write to, and whether they are to be checked.

        Raises:
            DrmaaException: none of them can be submitted.
        """
        indices = range(span[0], span[1] + 1, span[2]) if span else (0,)
        futures: list[AttemptsFuture] = []
        for template, files in zip(templates, streams):
            source = Source(chain.copy(template) if chain else template.copy(), len(indices))
            for index in indices:
                own = files.of_task(index) if files and index else files
                futures.append(self._future(source, index, retry, own))
        step = span[2] if span else 1
        waits = chain.waits if chain else []
        if waits:
            self._wait_for(waits, lambda: self._go(futures, step, chain))
        else:
            self._submit(futures, step, chain)
        return futures

    def refused(self, error: DrmaaException) -> JobFuture:
        """Return the future of a job that could not be submitted."""
        future = self._future(NoSource(), 0, None, None)
        future.fail(error)
        return future

    def _future(
        self, source: Source, index: int, retry: Retry | None, streams: Streams | None
    ) -> AttemptsFuture:
        withdraw, settle = self._submitter.withdraw, self._pending.settle
        future = AttemptsFuture(source, index, retry, streams, withdraw, settle)
        self._pending.hold(future)
        return future

    def _submit(self, futures: list[AttemptsFuture], step: int, chain: Chain | None) -> None:
        failure = chain.failure() if chain else ""
        if failure:
            for future in futures:
                future.complete(never_run(failure))
            return
        try:
            self._submitter.add(futures, step)
        except BaseException as error:
            for future in futures:
                future.fail(error)
            raise

    def _go(self, futures: list[AttemptsFuture], step: int, chain: Chain | None) -> None:
        # Callbacks may not take long: the DRM is told in another thread.
        threading.Thread(
            target=self._submit_late, args=(futures, step, chain), daemon=True
        ).start()

    def _submit_late(self, futures: list[AttemptsFuture], step: int, chain: Chain | None) -> None:
        left = [future for future in futures if not future.done()]
        try:
            self._submit(left, step, chain)
        except BaseException:  # noqa: BLE001 - the futures have it
            return

    @staticmethod
    def _wait_for(futures: Iterable[JobFuture], act: Callable[[], None]) -> None:
        """Call *act* when all futures are done."""
        every = list(futures)
        left = [len(every)]
        lock = threading.Lock()

        def count(_: object) -> None:
            with lock:
                left[0] -= 1
                is_last = not left[0]
            if is_last:
                act()

        for future in every:
            future.add_done_callback(count)

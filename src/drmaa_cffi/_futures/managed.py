"""Futures of jobs that are tried again, that wait for room, or for others in the program."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Callable, Iterable

from drmaa_cffi.retry import Retry
from drmaa_cffi.template import JobTemplate

from .attempts import AttemptsFuture, Source
from .chains import Chain, never_run
from .errorfile import ErrorFile
from .future import JobFuture
from .submitter import Submitter

if TYPE_CHECKING:
    from drmaa_cffi._binding.indices import Span

    from .pending import Pending


class Managed:
    """Makes such futures for an executor.

    Args:
        run: Submits a template, once or for the indices of a span.
        most: How many jobs may be submitted and not ended; None for any number.
        pending: What the executor waits for, and is to wait for these, too.
    """

    def __init__(
        self,
        run: Callable[[JobTemplate, Span | None], list[JobFuture]],
        most: int | None,
        pending: Pending,
    ) -> None:
        self._submitter = Submitter(run, most)
        self._pending = pending

    def submit(
        self,
        template: JobTemplate,
        span: Span | None,
        chain: Chain,
        retry: Retry | None,
        error_file: ErrorFile | None,
    ) -> list[AttemptsFuture]:
        """Submit a job or a bulk job, now or later.

        Raises:
            DrmaaException: it can't be submitted.
        """
        indices = range(span[0], span[1] + 1, span[2]) if span else (0,)
        source = Source(chain.copy(template), len(indices))
        futures = [
            AttemptsFuture(
                source,
                index,
                retry,
                error_file and error_file._replace(task=index),
                self._submitter.withdraw,
                self._pending.settle,
            )
            for index in indices
        ]
        for future in futures:
            self._pending.hold(future)
        step = span[2] if span else 1
        waits = chain.waits
        if waits:
            self._wait_for(waits, lambda: self._go(futures, step, chain))
        else:
            self._submit(futures, step, chain)
        return futures

    def _submit(self, futures: list[AttemptsFuture], step: int, chain: Chain) -> None:
        failure = chain.failure()
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

    def _go(self, futures: list[AttemptsFuture], step: int, chain: Chain) -> None:
        # Callbacks may not take long: the DRM is told in another thread.
        threading.Thread(
            target=self._submit_late, args=(futures, step, chain), daemon=True
        ).start()

    def _submit_late(self, futures: list[AttemptsFuture], step: int, chain: Chain) -> None:
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

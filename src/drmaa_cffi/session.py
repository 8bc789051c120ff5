"""The session: the standard's API over the process's one DRMAA session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Iterable, TypeVar

from . import const
from ._binding import calls
from ._binding.indices import span_of
from ._binding.inquiries import Inquiry, Version, ask_version
from ._binding.jobids import encode_job_id, job_id_of, job_ids_of
from ._template.native import check_name
from ._waiting import sleeping, waiting
from ._waiting.opening import open_session
from ._waiting.submissions import held_up, note, step_aside, submit_bulk, under_way, watchers
from ._waiting.synchronizing import synchronize
from ._waiting.timeouts import seconds_of
from .const import JobState
from .errors import DrmaaException, InvalidJobException, invalid_argument, shown
from .jobinfo import JobInfo
from .template import JobTemplate

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["JobInfo", "JobTemplate", "Session", "Version"]

_T = TypeVar("_T")


class Session:
    """A DRMAA session: the connection in which jobs are submitted, controlled and waited for.

    A process has one session at a time. All methods are static and act on it, so they can be
    called on the class and on any instance. An instance serves as a context manager: ``with
    Session() as s`` initializes, and exits at the end.

    Args:
        contactString: What ``with`` passes to initialize().

    C: drmaa_init, drmaa_exit.
    """

    TIMEOUT_WAIT_FOREVER = const.TIMEOUT_WAIT_FOREVER
    """A timeout that never ends."""
    TIMEOUT_NO_WAIT = const.TIMEOUT_NO_WAIT
    """A timeout that has ended when it begins, to ask without waiting."""
    JOB_IDS_SESSION_ANY = const.JOB_IDS_SESSION_ANY
    """Stands for an id in wait(), and means any job of the session."""
    JOB_IDS_SESSION_ALL = const.JOB_IDS_SESSION_ALL
    """Stands for ids in synchronize() and control(), and means all jobs of the session."""

    contact: Inquiry[str] = Inquiry(calls.get_contact)
    """After initialize() the string that reconnects to this session, before it the possible
    DRMs, separated by commas. C: drmaa_get_contact."""
    drmsInfo: Inquiry[str] = Inquiry(calls.get_DRM_system)
    """The DRM's name and version; before initialize() all possible ones, separated by commas.
    C: drmaa_get_DRM_system."""
    drmaaImplementation: Inquiry[str] = Inquiry(calls.get_DRMAA_implementation)
    """The library's name and version; before initialize() all possible ones, separated by
    commas. C: drmaa_get_DRMAA_implementation."""
    version: Inquiry[Version] = Inquiry(ask_version)
    """The version of DRMAA that the library has, with ``major`` and ``minor``.
    C: drmaa_version."""

    def __init__(self, contactString: str | bytes | None = None) -> None:
        self.contactString = contactString

    @staticmethod
    def initialize(contactString: str | bytes | None = None) -> None:
        """Open the session. A signal's handler that raises meanwhile, as Ctrl-C's does, ends it.

        Args:
            contactString: Which DRM to use, or ``Session.contact`` of an earlier session, to
                take up its jobs again. None for the default DRM.

        Raises:
            AlreadyActiveSessionException: this process has a session.
            InvalidContactStringException: the contact is none of the library's.
            InvalidArgumentException: the contact is not text, or the library rejects it.
            DefaultContactStringException, NoDefaultContactStringSelectedException: there is no
                default that works.
            DrmsInitException, DrmCommunicationException: the DRM can't be reached.
            AuthorizationException: the user may not use it.
            NoActiveSessionException: this process was forked from one that has a session.
            LibraryNotFoundError, LibraryLoadError: as load_library().

        C: drmaa_init.
        """
        open_session(contactString)

    @staticmethod
    def exit() -> None:
        """Close the session. Its templates are deleted; its jobs go on.

        Waits in other threads end with NoActiveSessionException.

        Raises:
            NoActiveSessionException: there is no session.
            DrmsExitException: the DRM could not be left; exit() can be tried again.

        C: drmaa_exit.
        """
        sleeping.off_main(_exit)

    @staticmethod
    def createJobTemplate() -> JobTemplate:
        """Return a new, empty job template.

        Raises:
            NoActiveSessionException: there is no session.

        C: drmaa_allocate_job_template.
        """
        return JobTemplate()

    @staticmethod
    def deleteJobTemplate(jobTemplate: JobTemplate) -> None:
        """Delete a job template, by its delete(). Jobs made with it go on.

        Args:
            jobTemplate: The template, or an object of the program's own with a delete().

        Raises:
            InvalidArgumentException: it has no delete().

        C: drmaa_delete_job_template.
        """
        delete = getattr(jobTemplate, "delete", None)
        if isinstance(jobTemplate, type) or not callable(delete):
            raise invalid_argument(
                f"{shown(jobTemplate)} is not a job template: it has no delete()"
            )
        delete()

    @staticmethod
    def runJob(jobTemplate: JobTemplate) -> str:
        """Submit a job.

        On our Slurm engine, where a call may take seconds, a signal's handler acts at once on the
        main thread, as in the other calls. A job whose submission Ctrl-C ends may run all the
        same: Session.JOB_IDS_SESSION_ALL reaches it.

        Args:
            jobTemplate: What to run.

        Returns:
            The job's id, as the DRM knows it.

        Raises:
            TryLaterException: the DRM is too busy.
            DeniedByDrmException: the DRM rejects the job for good.
            DrmCommunicationException: the DRM can't be reached.
            AuthorizationException: the user may not submit.
            InvalidAttributeValueException, InvalidAttributeFormatException: a value of the
                template's is not legal.
            ConflictingAttributeValuesException: the template's values contradict each other.
            InvalidArgumentException: it is not a template, or the library rejects a value of it.
            InvalidJobTemplateException: the template was deleted.
            NoActiveSessionException: there is no session, or the template's is closed.

        C: drmaa_run_job.
        """
        # What most templates are, a step sooner; and as in submit_bulk(), a call of which would
        # cost a fifth of this one.
        is_plain = type(jobTemplate) is JobTemplate
        handle = jobTemplate._handle if is_plain else handle_of(jobTemplate)  # noqa: SLF001
        if calls.takes_seconds() and sleeping.serves_signals():
            return sleeping.off_main(lambda: Session.runJob(jobTemplate))
        if jobTemplate._is_oddly_named:  # noqa: SLF001
            check_name(jobTemplate)
        token = object()
        try:
            under_way.add(token)
            if held_up:
                step_aside(token)
            job_id = calls.run_job(handle)
            if watchers:
                note([job_id])
            if waiting.waits.ledger.is_shared:
                waiting.waits.ledger.renew(job_id)
        except DrmaaException as error:
            note(error.jobIds)
            raise in_plain_words(error, jobTemplate) from None
        finally:
            under_way.discard(token)
        return job_id

    @staticmethod
    def runBulkJobs(
        jobTemplate: JobTemplate, beginIndex: int, endIndex: int, step: int
    ) -> list[str]:
        """Submit many jobs that differ by an index.

        The index stands in the job's environment (where, says the DRM: TASK_ID, SGE_TASK_ID...)
        and for JobTemplate.PARAMETRIC_INDEX in paths.

        Args:
            jobTemplate: What to run.
            beginIndex: The first index, at least 1.
            endIndex: The last index, at least beginIndex.
            step: The distance between indices, at least 1.

        Returns:
            The jobs' ids, in the order of their indices.

        Raises:
            InvalidArgumentException: the indices make no sense; and those of runJob().

        C: drmaa_run_bulk_jobs.
        """
        span = span_of(beginIndex, endIndex, step, "beginIndex endIndex step")
        handle = handle_of(jobTemplate)
        check_name(jobTemplate)
        try:
            job_ids = _patiently(lambda: submit_bulk(lambda: calls.run_bulk_jobs(handle, *span)))
        except DrmaaException as error:
            raise in_plain_words(error, jobTemplate) from None
        if waiting.waits.ledger.is_shared:
            for job_id in job_ids:
                waiting.waits.ledger.renew(job_id)
        return job_ids

    @staticmethod
    def control(
        jobId: Iterable[str | bytes | int] | str | bytes | int, operation: str | bytes
    ) -> None:
        """Hold, release, suspend, resume or terminate a job, or many.

        The call returns when the DRM has taken the order, which may be before it is carried
        out. With our own engines a list is one order: of jobs that are terminated none starts
        because another one ends. Elsewhere it is one for each, the last of the list first where
        they are terminated. What fails for one job keeps no other from it.

        Args:
            jobId: A job's id, Session.JOB_IDS_SESSION_ALL, or several ids.
            operation: A member of JobControlAction.

        Raises:
            InvalidArgumentException: there is no such operation, or the id is not legal.
            InvalidJobException: there is no such job.
            HoldInconsistentStateException, ReleaseInconsistentStateException: the job is not
                queued, or not on hold.
            SuspendInconsistentStateException, ResumeInconsistentStateException: the job is not
                running, or not suspended.
            AuthorizationException: the job is another user's.
            NoActiveSessionException: there is no session.
            DrmCommunicationException: the DRM can't be reached.
                Of several ids, the error of the first that has one.

        C: drmaa_control.
        """
        action = const.string_to_control_action(operation)
        ids = job_ids_of(jobId)
        if len(ids) == 1 and ids[0] is jobId:  # no list
            data = encode_job_id(jobId)
            _patiently(lambda: calls.control(data, action))
            return
        failed = _patiently(lambda: calls.control_jobs(ids, action))
        try:
            for place in sorted(failed):
                raise failed[place]
        finally:
            failed.clear()

    @staticmethod
    def synchronize(
        jobIds: Iterable[str | bytes | int] | str | bytes | int,
        timeout: float = -1,
        dispose: bool = False,
    ) -> None:
        """Wait until all the jobs have finished.

        On the main thread a signal's handler acts at once, Ctrl-C's too.

        Args:
            jobIds: Ids, or one id; Session.JOB_IDS_SESSION_ALL for the jobs submitted so far.
            timeout: Seconds, fractions rounded up; TIMEOUT_WAIT_FOREVER or TIMEOUT_NO_WAIT.
            dispose: True to drop the jobs' records, but for those of jobs that are submitted
                meanwhile; False to leave them for wait().

        Raises:
            ExitTimeoutException: the time is over (a TimeoutError, too).
            InvalidArgumentException: the timeout or an id is not legal.
            InvalidJobException: the library knows no such job; others ignore unknown ids.
            NoActiveSessionException: there is no session, or it was closed during the wait.
            DrmCommunicationException: the DRM can't be reached; the jobs may well go on.

        C: drmaa_synchronize.
        """
        synchronize(waiting.waits, job_ids_of(jobIds), seconds_of(timeout), dispose=bool(dispose))

    @staticmethod
    def wait(jobId: str | bytes | int, timeout: float = -1) -> JobInfo:
        """Wait for a job, and take its record: a job can be waited for once.

        On the main thread a signal's handler acts at once, Ctrl-C's too; the wait can be
        repeated, and no record is lost.

        Args:
            jobId: A job's id, or Session.JOB_IDS_SESSION_ANY for the next that finishes.
            timeout: Seconds, fractions rounded up; TIMEOUT_WAIT_FOREVER or TIMEOUT_NO_WAIT.

        Returns:
            How the job ended, and what it used.

        Raises:
            ExitTimeoutException: the time is over (a TimeoutError, too); nothing was taken.
            InvalidJobException: there is no such job, or its record was taken before; with
                JOB_IDS_SESSION_ANY: the session has no jobs left.
            NoResourceUsageException: the job has finished and left no usage; its record was
                taken and is in the exception's jobInfo.
            InvalidArgumentException: the timeout or the id is not legal.
            NoActiveSessionException: there is no session, or it was closed during the wait.
            DrmCommunicationException: the DRM can't be reached; the job may well go on.

        C: drmaa_wait, drmaa_wifexited, drmaa_wexitstatus, drmaa_wifsignaled, drmaa_wtermsig,
        drmaa_wcoredump, drmaa_wifaborted.
        """
        return waiting.waits.wait(job_id_of(jobId), seconds_of(timeout))

    @staticmethod
    def jobStatus(jobId: str | bytes | int) -> JobState:
        """Return the state of a job.

        Args:
            jobId: A job's id.

        Returns:
            A member of JobState, which is a str; UNDETERMINED if the DRM does not say.

        Raises:
            InvalidJobException: there is no such job.
            InvalidArgumentException: the id is not legal.
            NoActiveSessionException: there is no session.
            DrmCommunicationException: the DRM can't be reached.

        C: drmaa_job_ps.
        """
        try:
            data = encode_job_id(jobId)
            return const.status_to_string(_patiently(lambda: calls.job_ps(data)))
        except InvalidJobException:
            # The library has forgotten a job whose record is here, or on its way.
            state = waiting.waits.late_state(job_id_of(jobId))
            if state is None:
                raise
            return state

    def __enter__(self) -> Self:
        """Initialize the session with the contact given to the constructor."""
        self.initialize(self.contactString)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Exit the session, unless that was done within the block."""
        if calls.is_active():
            self.exit()


def _exit() -> None:
    calls.exit()
    waiting.waits.reset()


def in_plain_words(error: DrmaaException, jobTemplate: JobTemplate) -> DrmaaException:
    """Return the error of a submission, in plain words where they are known."""
    from ._template import gridengine  # noqa: PLC0415 - for errors

    return gridengine.in_plain_words(error, jobTemplate)


def _patiently(target: Callable[[], _T]) -> _T:
    """Call *target*; where that may take seconds a signal's handler acts meanwhile."""
    return sleeping.off_main(target) if calls.takes_seconds() else target()


def handle_of(jobTemplate: JobTemplate) -> calls.Handle:
    """Return the library's template in one of the program's, which may be anything."""
    if not isinstance(jobTemplate, JobTemplate):
        raise invalid_argument(
            f"{shown(jobTemplate)} is not a job template: make one with createJobTemplate()"
        )
    return jobTemplate._handle  # noqa: SLF001 - templates and sessions are one binding's

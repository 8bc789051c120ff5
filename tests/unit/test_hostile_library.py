"""Whatever nonsense a libdrmaa answers, Python gets a value or a documented exception."""

from __future__ import annotations

import gc
from typing import Any, Callable

import pytest
from fake import Fake
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import drmaa_cffi
from drmaa_cffi import DrmaaException, JobInfo, JobState, JobTemplate, Session

PYTHON_FIELDS = (str, bool, bool, str, bool, bool, int, dict)
texts = st.binary(max_size=300).map(lambda data: data.replace(b"\0", b"."))
TEXT_ROUTINES = (
    "drmaa_get_contact",
    "drmaa_get_DRM_system",
    "drmaa_get_DRMAA_implementation",
    "drmaa_get_attribute",
    "drmaa_get_next_attr_name",
    "drmaa_get_next_attr_value",
    "drmaa_get_next_job_id",
    "drmaa_run_job",
    "drmaa_wait",
    "drmaa_wtermsig",
    "drmaa_strerror",
)
CODE_ROUTINES = (
    *TEXT_ROUTINES[:-1],
    "drmaa_init",
    "drmaa_exit",
    "drmaa_version",
    "drmaa_get_attribute_names",
    "drmaa_get_vector_attribute_names",
    "drmaa_allocate_job_template",
    "drmaa_set_attribute",
    "drmaa_set_vector_attribute",
    "drmaa_get_vector_attribute",
    "drmaa_run_bulk_jobs",
    "drmaa_control",
    "drmaa_job_ps",
    "drmaa_synchronize",
    "drmaa_wifexited",
    "drmaa_wexitstatus",
    "drmaa_wifsignaled",
    "drmaa_wcoredump",
    "drmaa_wifaborted",
)
LIST_ROUTINES = (
    "drmaa_get_attribute_names",
    "drmaa_get_vector_attribute",
    "drmaa_run_bulk_jobs",
    "drmaa_wait",
)


def attempt(call: Callable[[], Any]) -> Any:
    """Return what *call* does, or None if it raises a documented exception."""
    try:
        return call()
    except DrmaaException as caught:
        error = caught
    assert str(error)
    assert error.code is None or str(error).startswith(f"code {error.code}: ")
    return None


def check_record(info: JobInfo | None) -> None:
    """Check that a record is what its type says."""
    if info is not None:
        for value, kind in zip(info, PYTHON_FIELDS):
            assert kind is type(value)


def use_everything(fake: Fake) -> None:
    """Make every call of the API."""
    for ask in ("contact", "drmsInfo", "drmaaImplementation", "version"):
        attempt(lambda name=ask: getattr(Session, name))  # type: ignore[misc]
    attempt(Session.initialize)
    template: JobTemplate | None = attempt(Session.createJobTemplate)
    if template is not None:
        attempt(lambda: setattr(template, "jobName", "x"))
        attempt(lambda: setattr(template, "args", ["x"]))
        for name in ("jobName", "joinFiles", "hardRunDurationLimit", "args", "jobEnvironment"):
            attempt(lambda name=name: getattr(template, name))  # type: ignore[misc]
        attempt(lambda: template.attributeNames)
        assert isinstance(attempt(lambda: Session.runJob(template)) or "", str)
        ids = attempt(lambda: Session.runBulkJobs(template, 1, 3, 1)) or []
        assert all(isinstance(job_id, str) for job_id in ids)
    attempt(lambda: Session.control("1", "hold"))
    assert isinstance(attempt(lambda: Session.jobStatus("1")) or JobState.DONE, JobState)
    fake.finish()
    for timeout in (0, 1):
        attempt(lambda timeout=timeout: Session.synchronize(["1"], timeout))  # type: ignore[misc]
        try:
            check_record(Session.wait(Session.JOB_IDS_SESSION_ANY, timeout))
        except DrmaaException as error:
            check_record(error.jobInfo)
    attempt(Session.exit)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    codes=st.dictionaries(
        st.sampled_from(CODE_ROUTINES),
        st.tuples(
            st.one_of(st.integers(1, 26), st.integers(-(2**31), 2**31 - 1)), st.integers(1, 3)
        ),
        max_size=4,
    ),
    said=st.dictionaries(
        st.sampled_from(TEXT_ROUTINES), st.tuples(texts, st.booleans()), max_size=4
    ),
    lists=st.dictionaries(
        st.sampled_from(LIST_ROUTINES),
        st.tuples(st.lists(texts, max_size=5), st.booleans()),
        max_size=3,
    ),
    diagnosis=st.none() | texts,
    terminated=st.booleans(),
    end=st.fixed_dictionaries(
        {
            name: st.integers(-(2**31), 2**31 - 1)
            for name in ("exited", "status", "signaled", "core", "aborted")
        }
    ),
)
def test_anything(
    fake: Fake,
    codes: dict[str, tuple[int, int]],
    said: dict[str, tuple[bytes, bool]],
    lists: dict[str, tuple[list[bytes], bool]],
    diagnosis: bytes | None,
    terminated: bool,
    end: dict[str, int],
) -> None:
    """Any codes, texts, lists and ends give values of the right types or documented exceptions."""
    fake.reset()
    for routine, (code, first) in codes.items():
        fake.returns(routine, code, first=first)
    for routine, (text, ended) in said.items():
        # An unterminated diagnosis is bounded; an unterminated strerror is any C program's end.
        fake.says(routine, text, terminated=ended or routine == "drmaa_strerror")
    for routine, (entries, endless) in lists.items():
        # A list whose iterator always gives the same text needs an end of its own.
        fake.lists(routine, *entries, endless=endless and routine == "drmaa_run_bulk_jobs")
    if diagnosis is not None:
        fake.diagnoses(diagnosis, terminated=terminated)
    fake.ends(**end)
    use_everything(fake)
    fake.reset()
    fake.finish()
    attempt(Session.exit)
    gc.collect()
    live = fake.live()
    if "drmaa_delete_job_template" not in codes:
        assert {} == live


def test_endless_names(fake: Fake, template: JobTemplate) -> None:
    """A list of attribute names that does not end is stopped, by name."""
    fake.lists("drmaa_get_attribute_names", b"x" * 1000, endless=True)
    with pytest.raises(drmaa_cffi.InternalException, match="goes on after"):
        template.attributeNames  # noqa: B018


def test_entry_that_was_cut(fake: Fake, template: JobTemplate) -> None:
    """An entry that fills the largest buffer is an error, never a shortened value."""
    fake.lists("drmaa_get_vector_attribute", b"x" * (1 << 20))
    with pytest.raises(drmaa_cffi.InternalException, match="was cut"):
        template.args  # noqa: B018


@pytest.mark.parametrize("terminated", [False, True])
def test_long_job_id(
    fake: Fake, session: Session, template: JobTemplate, terminated: bool
) -> None:
    """A job id that its buffer may have cut is an error that has what came of it."""
    fake.says("drmaa_run_job", b"1" * 10_000, terminated=terminated)
    with pytest.raises(drmaa_cffi.InternalException, match="longer than") as caught:
        session.runJob(template)
    assert ("1" * 4095,) == caught.value.jobIds


def test_bulk_without_list(fake: Fake, session: Session, template: JobTemplate) -> None:
    """A success without a list of ids is an error, for there must be jobs; nothing is released."""
    fake.lists("drmaa_run_bulk_jobs")
    with pytest.raises(drmaa_cffi.InternalException, match="0 ids for 3 jobs"):
        session.runBulkJobs(template, 1, 3, 1)


def test_bulk_with_few_ids(fake: Fake, session: Session, template: JobTemplate) -> None:
    """Fewer ids than tasks are an error that has those there are."""
    fake.lists("drmaa_run_bulk_jobs", b"7", b"8")
    with pytest.raises(drmaa_cffi.InternalException, match="2 ids for 3 jobs") as caught:
        session.runBulkJobs(template, 1, 3, 1)
    assert ("7", "8") == caught.value.jobIds

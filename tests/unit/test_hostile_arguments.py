"""Whatever a program passes, Python gets a value or a documented exception."""

from __future__ import annotations

import concurrent.futures
import contextlib
import warnings
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Callable

import pytest
from fake import Fake
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moments import LIMIT

import drmaa_cffi
from drmaa_cffi import DrmaaException, JobExecutor, JobTemplate, Resources, Session, helpers

LARGE = 5_000
# More digits than Python is willing to write out.
HUGE = 10**LARGE


class Silent:
    """Cannot be shown, nor be made a text."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")


class NoPath:
    """Claims to be a path."""

    def __fspath__(self) -> int:
        return 5


class Items:
    """Claims to be a mapping."""

    def __init__(self, found: object) -> None:
        self.found = found

    def items(self) -> object:
        """Return what was found."""
        return self.found


class Several:
    """Claims to be iterable, and to be an array of several numbers."""

    def __iter__(self) -> object:
        return 5

    def __index__(self) -> int:
        raise TypeError("several numbers")


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(2**31 - 2, 2**63 + 2),
    st.floats(),
    st.text(st.characters()),
    st.text("\0\ud800\udcffaé=:,$ ", max_size=20),
    st.binary(max_size=50),
    st.sampled_from(["x" * LARGE, b"x" * LARGE, "\0" * LARGE, "1" * LARGE]),
    st.sampled_from(["DRMAA_JOB_IDS_SESSION_ANY", "DRMAA_JOB_IDS_SESSION_ALL", "1", "hold"]),
    st.complex_numbers(),
    st.decimals(),
    st.fractions(),
    st.timedeltas(),
    st.dates(),
    st.builds(object),
    st.just(Path("/a path")),
    st.just(Exception),
    st.just(bytearray(b"mutable")),
    st.just(memoryview(b"view")),
    # Not written out, as Hypothesis would.
    st.builds(lambda: HUGE),
    st.builds(lambda: -HUGE),
    st.builds(lambda: Fraction(HUGE)),
    st.sampled_from([Path, dict, list, type, timedelta, JobTemplate, Session]),
    st.builds(Silent) | st.builds(NoPath) | st.builds(Several),
    st.sampled_from([Items(None), Items([1, 2]), Items([(1, 2, 3)]), Items(["ab", "cde"])]),
    st.just(range(3)) | st.just({1: 2}.items()),
)
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(st.none(), st.integers(), st.text(), st.binary()), inner),
    ),
    max_leaves=6,
)
hostile = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
ATTRIBUTES = sorted(
    name
    for name, value in vars(JobTemplate).items()
    if isinstance(value, (helpers.Attribute, helpers.VectorAttribute, helpers.DictAttribute))
)
CALLS = {
    "initialize": Session.initialize,
    "control": lambda value: Session.control(value, "hold"),
    "control operation": lambda value: Session.control("1", value),
    "jobStatus": Session.jobStatus,
    "wait": lambda value: Session.wait(value, 0),
    "wait timeout": lambda value: Session.wait("77777", value),
    "synchronize": lambda value: Session.synchronize(value, 0),
    "synchronize timeout": lambda value: Session.synchronize([], value),
    "synchronize dispose": lambda value: Session.synchronize([], 0, value),
    "runJob": Session.runJob,
    "deleteJobTemplate": Session.deleteJobTemplate,
    "load_library": drmaa_cffi.load_library,
    "string_to_control_action": drmaa_cffi.string_to_control_action,
    "control_action_to_string": drmaa_cffi.control_action_to_string,
    "submission_state": drmaa_cffi.submission_state,
    "status_to_string": drmaa_cffi.status_to_string,
}
IN_EXECUTOR = (
    "session", "interval", "submit", "submit with a check", "submit_bulk", "begin", "step",
    "attach", "on_status", "wait_started",
)  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
@hostile
@given(value=anything)
def test_call(fake: Fake, session: Session, name: str, value: Any) -> None:
    """Each call refuses what it can't take by a documented exception."""
    with contextlib.suppress(DrmaaException):
        CALLS[name](value)
    # Nothing was harmed by it.
    assert "fake" == session.contact


@pytest.mark.parametrize("name", IN_EXECUTOR)
@settings(hostile, max_examples=60)
@given(value=anything)
def test_in_executor(
    fake: Fake, executor: JobExecutor, template: JobTemplate, name: str, value: Any
) -> None:
    """So does an executor, and it goes on to work."""
    calls: dict[str, Callable[[], object]] = {
        "session": lambda: JobExecutor(value or 0),
        "interval": lambda: JobExecutor(status_interval=value or 0),
        "submit": lambda: executor.submit(value),
        "submit with a check": lambda: executor.submit(value, check=True),
        "submit_bulk": lambda: executor.submit_bulk(value, 1, 2),
        "begin": lambda: executor.submit_bulk(template, value, 2),
        "step": lambda: executor.submit_bulk(template, 1, 2, value),
        "attach": lambda: executor.attach(value),
        "on_status": lambda: executor.submit(template, on_status=value),
        "wait_started": lambda: executor.wait_started(value, 0),
    }
    with contextlib.suppress(DrmaaException):
        calls[name]()
    future = executor.submit(template)
    fake.finish()
    assert future.result(LIMIT).jobId == future.job_id


@settings(hostile, max_examples=60)
@given(value=anything)
def test_timeout_of_result(executor: JobExecutor, template: JobTemplate, value: Any) -> None:
    """A future's timeout is a number of seconds, or None."""
    future = executor.submit(template)
    with contextlib.suppress(TypeError, ArithmeticError):
        if value is None or (isinstance(value, (int, float, Fraction, Decimal)) and value > 0):
            value = 0
    with pytest.raises((DrmaaException, concurrent.futures.TimeoutError)):
        future.result(value)
    with contextlib.suppress(DrmaaException):
        executor.wait_started([], value)


@hostile
@given(begin=scalars, end=scalars, step=st.integers(2**20, 2**40) | scalars)
def test_bulk(session: Session, begin: Any, end: Any, step: Any) -> None:
    """Bulk jobs with any indices."""
    with contextlib.suppress(DrmaaException), session.createJobTemplate() as template:
        session.runBulkJobs(template, begin, end, step)


@pytest.mark.filterwarnings("ignore:.* goes to the DRM as the text 'None'")
@pytest.mark.parametrize("name", ATTRIBUTES)
@hostile
@given(value=anything)
def test_attribute(template: JobTemplate, name: str, value: Any) -> None:
    """An attribute that takes a value gives one back, of its own type."""
    try:
        setattr(template, name, value)
    except DrmaaException:
        return
    with contextlib.suppress(drmaa_cffi.InvalidAttributeFormatException):
        assert type(getattr(template, name)) in (str, bool, int, list, dict)


@hostile
@given(value=st.text() | st.text("\0\ud800\udcffab", max_size=30))
def test_text_survives(template: JobTemplate, value: str) -> None:
    """Text that is taken comes back as it was."""
    try:
        template.jobName = value
        template.args = [value, value]
        template.jobEnvironment = {"NAME": value}
    except drmaa_cffi.InvalidArgumentException:
        assert "\0" in value or "\ud800" in value
        return
    assert (value, [value, value], {"NAME": value}) == (
        template.jobName,
        template.args,
        template.jobEnvironment,
    )


@hostile
@given(value=anything, name=st.text())
def test_any_attribute_name(template: JobTemplate, name: str, value: Any) -> None:
    """Any other attribute is stored on the object."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if hasattr(JobTemplate, name) or "\0" in name:
            return
        setattr(template, name, value)
    assert getattr(template, name) is value


@pytest.mark.parametrize(
    "keywords",
    [{"hardWallclockTimeLimit": value} for value in (Decimal(5), date(2026, 1, 1), 10**400)]
    + [{"softRunDurationLimit": timedelta.max}, {"jobName": "x" * 10_000_000}],
    ids=lambda keywords: f"{keywords!r:.40}",
)
def test_keyword(fake: Fake, session: Session, keywords: Any) -> None:
    """Keywords are held to the same."""
    with contextlib.suppress(DrmaaException):
        JobTemplate(**keywords).delete()
    assert {} == fake.live()


@pytest.mark.parametrize("value", [HUGE, Silent(), "x" * LARGE], ids=["huge", "silent", "long"])
@pytest.mark.parametrize("name", [name for name in CALLS if name != "synchronize dispose"])
def test_value_in_message(session: Session, name: str, value: Any) -> None:
    """What cannot be shown, or is too long, neither spoils the error's message nor fills it."""
    message = ""
    try:
        CALLS[name](value)
    except DrmaaException as error:
        message = str(error)
    assert len(message) < 500


@pytest.mark.parametrize("name", ["slots", "memory", "walltime", "queue", "gpus"])
@hostile
@given(value=anything)
def test_resource(name: str, value: Any) -> None:
    """A resource is legal, or refused by a documented exception."""
    with contextlib.suppress(DrmaaException):
        assert repr(Resources(**{name: value})).startswith("Resources(")

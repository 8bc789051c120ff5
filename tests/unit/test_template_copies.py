"""Templates show what is set in them, and can be copied."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
from fake import Fake

import drmaa_cffi
from drmaa_cffi import JobTemplate, Session
from drmaa_cffi.errors import Errno

SET: dict[str, Any] = {
    "remoteCommand": "/bin/\udcff",
    "args": ["a b", "", "ü"],
    "jobEnvironment": {"A": "x=y", "EMPTY": ""},
    "nativeSpecification": "-l " + "x" * 5000,
    "email": ["a@example.org"],
    "outputPath": ":/dev/null",
    "joinFiles": True,
    "blockEmail": False,
    "hardWallclockTimeLimit": 3661,
    "startTime": "2100/01/31 23:59:58",
}


@pytest.mark.usefixtures("session")
def test_asdict() -> None:
    """asdict() has the attributes that are set, as they were, and JobTemplate() takes it again."""
    template = JobTemplate(**SET)
    assert SET == template.asdict()
    assert SET == JobTemplate(**template.asdict()).asdict()
    assert {} == JobTemplate().asdict()


@pytest.mark.usefixtures("session")
def test_asdict_of_what_is_empty(fake: Fake) -> None:
    """Where the library reads unset attributes as empty, they are left out, too."""
    template = JobTemplate(jobName="name", args=[])
    fake.says("drmaa_get_attribute", b"")
    fake.lists("drmaa_get_vector_attribute")
    assert {} == template.asdict()


@pytest.mark.usefixtures("session")
def test_asdict_passes_errors_on(fake: Fake) -> None:
    """An error that says nothing of an attribute is no unset attribute."""
    template = JobTemplate(jobName="name")
    fake.returns("drmaa_get_attribute", Errno.DRM_COMMUNICATION_FAILURE)
    with pytest.raises(drmaa_cffi.DrmCommunicationException):
        template.asdict()


@pytest.mark.usefixtures("session")
def test_copy() -> None:
    """A copy has the attributes, with changes, and its own life."""
    template = JobTemplate(**SET)
    template.project = "blue"
    copied = template.copy(jobName="new", args=[1], joinFiles=False)
    template.delete()
    assert {**SET, "jobName": "new", "args": ["1"], "joinFiles": False} == copied.asdict()
    assert "blue" == copied.project
    assert copied.copy().asdict() == copied.asdict()


@pytest.mark.usefixtures("session")
def test_copy_of_a_subclass(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy is of the same class, whatever its constructor and the converters are like."""

    class Mine(JobTemplate):
        def __init__(self, memory: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.memory = memory

    class Prefixed:
        @staticmethod
        def to_drmaa(value: str) -> str:
            return f"x-{value}"

        @staticmethod
        def from_drmaa(value: bytes) -> list[str]:
            return value.decode().split("-")

    monkeypatch.setattr(vars(JobTemplate)["jobName"], "converter", Prefixed)
    copied = Mine(5, jobName="a").copy(remoteCommand="/bin/true")
    assert (Mine, 5, ["x", "a"]) == (type(copied), copied.memory, copied.jobName)


@pytest.mark.usefixtures("session")
def test_copy_that_fails(fake: Fake) -> None:
    """A change that is refused leaves no template behind."""
    with JobTemplate(jobName="name") as template:
        with pytest.raises(drmaa_cffi.InvalidArgumentException, match="args can't be 5"):
            template.copy(args=5)
        assert {"templates": 1} == fake.live()


@pytest.mark.usefixtures("session")
def test_repr() -> None:
    """A template shows what would make it, and no long value whole."""
    template = JobTemplate(remoteCommand=Path("/bin/true"), args=["a"], joinFiles=True)
    assert "JobTemplate(remoteCommand='/bin/true', args=['a'], joinFiles=True)" == repr(template)
    template.args = ["x" * 100_000] * 1000
    template.jobEnvironment = {f"V{number}": "y" * 1000 for number in range(1000)}
    template.nativeSpecification = "z" * 100_000
    assert len(repr(template)) < 3000
    assert "xxx...xxx" in repr(template)


def test_repr_in_any_state(fake: Fake, session: Session) -> None:
    """A template that is of no use says why, and C is not asked."""
    deleted, closed = JobTemplate(jobName="a"), JobTemplate(jobName="b")
    deleted.delete()
    unmade = JobTemplate.__new__(JobTemplate)
    assert "<JobTemplate: this job template was deleted: make a new one>" == repr(deleted)
    session.exit()
    calls = fake.calls("drmaa_get_attribute")
    assert repr(deleted).startswith("<JobTemplate: ")
    assert repr(closed).startswith("<JobTemplate: code 5: ")
    assert repr(unmade).startswith("<JobTemplate: ")
    assert calls == fake.calls("drmaa_get_attribute")


@pytest.mark.usefixtures("fake")
def test_repr_of_a_library_that_fails(fake: Fake, template: JobTemplate) -> None:
    """Where the library fails, a template shows the error."""
    fake.returns("drmaa_get_attribute", Errno.INTERNAL_ERROR)
    assert repr(template).startswith("<JobTemplate: code 1: ")


def test_copy_module(fake: Fake, session: Session) -> None:
    """copy.copy() makes a template of its own; deepcopy() and pickle refuse."""
    template = session.createJobTemplate()
    template.jobName = "first"
    other = copy.copy(template)
    other.jobName = "second"
    template.delete()
    assert "second" == other.jobName
    with pytest.raises(drmaa_cffi.IllegalStateException, match=r"asdict\(\)"):
        copy.deepcopy(other)
    with pytest.raises(drmaa_cffi.IllegalStateException, match=r"copy\(\)"):
        pickle.dumps(other)
    other.delete()

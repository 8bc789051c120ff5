"""What Grid Engine's library would cut goes another way, or is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake import Fake, in_c

import drmaa_cffi
from drmaa_cffi import JobTemplate, Resources, Session


@pytest.fixture
def grid_engine(fake: Fake, session: Session) -> Fake:
    """The fake, which says that it is Grid Engine's."""
    fake.says("drmaa_get_DRM_system", b"SGE 8.1.9")
    return fake


def native(template: JobTemplate) -> str:
    """The native specification as C has it."""
    return in_c(template, "nativeSpecification")


def test_line_breaks_in_arguments(grid_engine: Fake, template: JobTemplate) -> None:
    """An argument with a line break is refused by its index, with the remedy."""
    for value in (["a", "b\nc"], ("a", b"b\nc"), iter(["a", Path("b\nc")])):
        with pytest.raises(drmaa_cffi.InvalidArgumentException, match=r"args\[1\] can't be") as e:
            template.args = value
        assert "put it into jobEnvironment" in str(e.value)
    with pytest.raises(drmaa_cffi.InvalidArgumentException, match=r"args\[0\]"):
        template.args = "a\nb"
    template.args = ["a\tb", 3, b"c", Path("d")]
    assert ["a\tb", "3", "c", "d"] == template.args


def test_line_breaks_elsewhere(fake: Fake, template: JobTemplate) -> None:
    """Other libraries get it."""
    template.args = ["a\nb"]
    assert ["a\nb"] == template.args


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("x=y", '"V=x=y"'),
        ("it's=1 b", '"V=it\'s=1 b"'),
        ('a"=\nb', "'V=a\"=\nb'"),
        (b"=", '"V=="'),
        (Path("a=b"), '"V=a=b"'),
    ],
)
def test_values_with_equals(
    grid_engine: Fake, template: JobTemplate, value: object, word: str
) -> None:
    """A value with '=' goes by the native specification, and reads back where it was set."""
    text = value.decode() if isinstance(value, bytes) else str(value)
    template.nativeSpecification = "-q all.q"
    template.jobEnvironment = {"V": value, "W": "plain"}
    assert f"-v {word} -q all.q" == native(template)
    assert {"V": text, "W": "plain"} == template.jobEnvironment
    assert "-q all.q" == template.nativeSpecification
    template.jobEnvironment = {"W": "plain"}
    assert ("-q all.q", {"W": "plain"}) == (native(template), template.jobEnvironment)


@pytest.mark.parametrize("value", ["a,b=c", "a=b'\"", "a,=b"])
def test_values_without_a_road(
    grid_engine: Fake, template: JobTemplate, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can't be said in words is refused, unless the library can take it from os.environ."""
    template.jobEnvironment = {"OLD": "1"}
    with pytest.raises(drmaa_cffi.InvalidArgumentException, match=r"jobEnvironment\['V'\] can't"):
        template.jobEnvironment = {"V": value}
    assert {"OLD": "1"} == template.jobEnvironment
    monkeypatch.setenv("V", value)
    template.jobEnvironment = {"V": value}
    assert ("-v V", {"V": value}) == (native(template), template.jobEnvironment)


def test_with_resources_and_copies(grid_engine: Fake, template: JobTemplate) -> None:
    """Resources, variables and the program's own words stand side by side, in copies, too."""
    template.jobEnvironment = {"V": "x=y"}
    template.resources = Resources(walltime=60)
    template.nativeSpecification = "-q all.q"
    words = '-v "V=x=y" -l h_rt=00:01:00 -q all.q'
    assert words == native(template)
    copied = template.copy()
    made = JobTemplate(**template.asdict())
    assert [words, words] == [native(copied), native(made)]
    assert {"V": "x=y"} == copied.jobEnvironment == made.jobEnvironment
    template.resources = None
    assert '-v "V=x=y" -q all.q' == native(template)
    assert "-l h_rt=00:01:00 -q all.q" == native(copied.copy(jobEnvironment={"A": "b"}))


def test_elsewhere(fake: Fake, template: JobTemplate) -> None:
    """Other libraries get the environment as it is."""
    template.nativeSpecification = "x"
    template.jobEnvironment = {"V": "x=y"}
    assert "x" == native(template)
    assert {"V": "x=y"} == template.jobEnvironment


@pytest.mark.parametrize(
    ("diagnosis", "values", "words"),
    [
        (
            b"Error reading answer list from qmaster",
            {"remoteCommand": "python x.py"},
            r"^code 17: remoteCommand 'python x.py' .* into args: remoteCommand='python', args=\[",
        ),
        (
            b"Error reading answer list from qmaster",
            {"remoteCommand": "/bin/true", "jobName": "ä"},
            r"^code 17: jobName can't be 'ä' on Grid Engine: it has 'ä'. Nothing was submitted: ",
        ),
        (
            b'denied: "1st" is not a valid object name (cannot start with a digit)',
            {"jobName": "1st"},
            r"jobName can't be '1st' on Grid Engine: it begins with a digit. .*a valid object",
        ),
        (
            b"Colon (':') not allowed in objectname",
            {"remoteCommand": "/x/a:b"},
            r"remoteCommand '/x/a:b' can't name the job.*: it has ':'",
        ),
    ],
)
def test_names(
    grid_engine: Fake,
    template: JobTemplate,
    diagnosis: bytes,
    values: dict[str, str],
    words: str,
) -> None:
    """What Grid Engine says of a job's name is said with the attribute, its value, the remedy."""
    for name, value in values.items():
        setattr(template, name, value)
    grid_engine.diagnoses(diagnosis)
    for routine, submit in (
        ("drmaa_run_job", lambda: Session.runJob(template)),
        ("drmaa_run_bulk_jobs", lambda: Session.runBulkJobs(template, 1, 2, 1)),
    ):
        grid_engine.returns(routine, 1)
        with pytest.raises(drmaa_cffi.DeniedByDrmException, match=words) as caught:
            submit()
        assert (routine, 17) == (caught.value.routine, caught.value.code)
        assert diagnosis.decode() == caught.value.diagnosis


@pytest.mark.parametrize(
    ("diagnosis", "may", "words"),
    [
        (b"failed receiving gdi request response for mid=1 (got no message).", True, "MAY HAVE"),
        (b"unable to contact qmaster using port 6444 on host x", False, "nothing was submitted"),
        (b"unable to send message to qmaster: got send error", False, "nothing was submitted"),
        (b"something else", None, "something else"),
    ],
)
def test_whether_submitted(
    grid_engine: Fake, template: JobTemplate, diagnosis: bytes, may: bool | None, words: str
) -> None:
    """An error of communication says whether the job may run all the same."""
    grid_engine.returns("drmaa_run_job", 2)
    grid_engine.diagnoses(diagnosis)
    with pytest.raises(drmaa_cffi.DrmCommunicationException, match=r"^code 2: ") as caught:
        Session.runJob(template)
    assert may is caught.value.mayHaveSubmitted
    assert words in str(caught.value)
    assert diagnosis.decode() in str(caught.value)


def test_other_errors_stay(grid_engine: Fake, template: JobTemplate) -> None:
    """Errors that are not about names are the library's own."""
    grid_engine.returns("drmaa_run_job", 1)
    grid_engine.diagnoses(b"out of luck")
    with pytest.raises(drmaa_cffi.InternalException, match="^code 1: out of luck$"):
        Session.runJob(template)

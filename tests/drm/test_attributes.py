"""Template attributes on a real library: right values are read back, wrong ones refused."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from drms import LIMITS, Drm
from jobs import LONG, Jobs, nothing_left

import drmaa_cffi
import programs
from drmaa_cffi import (
    DeniedByDrmException,
    InvalidArgumentException,
    InvalidAttributeFormatException,
    InvalidAttributeValueException,
    JobSubmissionState,
    JobTemplate,
    Session,
    const,
    helpers,
)

VECTORS = {"args": const.V_ARGV, "jobEnvironment": const.V_ENV, "email": const.V_EMAIL}
SCALARS = {
    "remoteCommand": "/bin/true",
    "jobSubmissionState": "drmaa_hold",
    "workingDirectory": "/tmp",
    "jobCategory": "long",
    "nativeSpecification": "-N name",
    "startTime": "2100/01/31 23:59:58",
    "jobName": "name",
    "inputPath": ":/dev/null",
    "outputPath": "somewhere:/dev/null",
    "errorPath": ":$drmaa_hd_ph$/error.$drmaa_incr_ph$",
    "transferFiles": "ieo",
    "deadlineTime": "2100/01/31 23:59:59",
}
FLAGS = ("blockEmail", "joinFiles")
NAMES = [*SCALARS, *VECTORS, *sorted(LIMITS), *FLAGS]


@pytest.fixture
def template(session: Session) -> JobTemplate:
    """An empty template."""
    return session.createJobTemplate()


def test_st_supported_attr(drm: Drm, template: JobTemplate) -> None:
    """Every attribute that is not refused is among the names that the library lists."""
    c_names = {name: getattr(vars(JobTemplate)[name], "name", "") for name in NAMES}
    scalars = {c_names[name] for name in NAMES if name not in VECTORS}
    refused = {c_names[name] for name in drm.refused}
    assert scalars - refused == scalars & set(template.attributeNames)


def test_st_supported_vattr() -> None:
    """The library lists the vector attributes; ``python -m drmaa_cffi`` prints them."""
    said = programs.output(programs.start([sys.executable, "-m", "drmaa_cffi"]))
    listed = said.partition("vector attributes: ")[2].split()
    assert set(VECTORS.values()) <= set(listed)
    assert len(set(listed)) == len(listed)


def test_st_unsupported_attr(drm: Drm, session: Session) -> None:
    """A scalar attribute that the library does not have is refused, set or read."""

    class Mine(JobTemplate):
        blah = helpers.Attribute("blah")

    with Mine() as template:
        with pytest.raises(InvalidArgumentException, match=r"^code 4: "):
            template.blah = "blah"
        with pytest.raises(drm.unknown_attribute):
            _ = template.blah


def test_st_unsupported_vattr(drm: Drm, session: Session) -> None:
    """So is a vector attribute."""

    class Mine(JobTemplate):
        blah = helpers.VectorAttribute("blah")

    with Mine() as template:
        with pytest.raises(InvalidArgumentException, match=r"^code 4: "):
            template.blah = ["blah"]
        with pytest.raises(drm.unknown_attribute):
            _ = template.blah


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("startTime", "tomorrow"),
        ("startTime", "25:61:00"),
        ("inputPath", "/dev/null"),
        ("outputPath", "/dev/null"),
        ("errorPath", "/dev/null"),
        ("jobSubmissionState", "drmaa_confused"),
    ],
)
def test_st_template_formats(drm: Drm, jobs: Jobs, name: str, value: str) -> None:
    """A time, path or state that is none is refused, at the latest by runJob()."""
    error = drm.no_time if name == "startTime" else drm.path_without_colon
    with pytest.raises((error, InvalidAttributeValueException)):
        jobs.submit(**{name: value})
    nothing_left()


def test_st_attribute_change(jobs: Jobs) -> None:
    """Of attributes that are set twice the last value stands."""
    with jobs.template("exit 1", "more", "than", "later") as template:
        template.remoteCommand = "/bin/false"
        template.remoteCommand = "/bin/sh"
        template.args = ["-c", "exit $(($# + CODE))"]
        template.jobEnvironment = {"CODE": "2", "OTHER": "3"}
        template.jobEnvironment = {"CODE": "4"}
        template.jobSubmissionState = JobSubmissionState.HOLD_STATE
        template.jobSubmissionState = JobSubmissionState.ACTIVE_STATE
        assert 4 == Session.wait(Session.runJob(template), LONG).exitStatus


def test_st_attribute_check(drm: Drm, jobs: Jobs) -> None:
    """A job heeds all attributes of its template at once."""
    jobs.folder.joinpath("input").write_text("from a file")
    script = 'printf "%s|" "$@" "$GREETING" "$(pwd -P)" "$(cat)"; printf complaint >&2'
    values: dict[str, Any] = {
        "remoteCommand": "/bin/sh",
        "args": ["-c", script, "sh", "one", "two words", "", "*"],
        "workingDirectory": jobs.folder,
        "jobEnvironment": {"GREETING": "a b c"},
        "jobName": "conformance",
        "email": ["nobody@localhost"],
        "blockEmail": True,
        "inputPath": f":{jobs.folder}/input",
        "outputPath": f":{JobTemplate.WORKING_DIRECTORY}/out",
        "errorPath": f":{JobTemplate.WORKING_DIRECTORY}/error",
        "joinFiles": False,
    }
    limits = set(LIMITS) - drm.refused
    with JobTemplate(**values, **dict.fromkeys(limits, 60)) as template:
        assert Session.wait(Session.runJob(template), LONG).ok
    said = f"one|two words||*|a b c|{jobs.folder}|from a file|"
    assert said == jobs.folder.joinpath("out").read_text()
    assert "complaint" == jobs.folder.joinpath("error").read_text()


@pytest.mark.parametrize("name", SCALARS)
def test_text(drm: Drm, template: JobTemplate, name: str) -> None:
    """A text comes back as it was set, from str or bytes; the last one set stands."""
    text = SCALARS[name]
    if name in drm.refused:
        with pytest.raises(InvalidArgumentException, match=r"^code 4: "):
            setattr(template, name, text)
        return
    setattr(template, name, text)
    assert text == getattr(template, name)
    setattr(template, name, text.encode())
    assert text == getattr(template, name)


@pytest.mark.parametrize("name", ["blockEmail", "joinFiles"])
def test_flag(template: JobTemplate, name: str) -> None:
    """A flag takes any truth value and comes back as a bool."""
    for value in (True, False, 1, 0, "yes", ""):
        setattr(template, name, value)
        assert getattr(template, name) is bool(value)


@pytest.mark.parametrize("name", sorted(LIMITS))
def test_limit(drm: Drm, template: JobTemplate, name: str) -> None:
    """A limit takes seconds in many forms and comes back as an int, where there are limits."""
    values = (3661, timedelta(seconds=3661), "1:01:01", b"61:01", 3660.5)
    for value in values:
        if name in drm.refused:
            with pytest.raises(InvalidArgumentException, match=r"^code 4: "):
                setattr(template, name, value)
        else:
            setattr(template, name, value)
            assert 3661 == getattr(template, name)


@pytest.mark.parametrize("name", sorted(LIMITS))
@pytest.mark.parametrize("value", ["soon", -1, float("nan"), "1:2:3:4", True, []])
def test_no_limit(template: JobTemplate, name: str, value: object) -> None:
    """What is not a time never reaches the library as one."""
    with pytest.raises(InvalidAttributeFormatException, match=r"^code 13: "):
        setattr(template, name, value)


def test_lists(template: JobTemplate) -> None:
    """Lists come back as list[str]; elements go through str(), and a bare text is one element."""
    for given, back in (
        (["a", b"b", 3, Path("/x"), ""], ["a", "b", "3", "/x", ""]),
        (("x y", "z"), ["x y", "z"]),
        ((str(number) for number in range(3)), ["0", "1", "2"]),
        ("hello world", ["hello world"]),
        ([], []),
    ):
        template.args = given
        assert back == template.args
    template.email = ["a@example.org", "b@example.org"]
    assert ["a@example.org", "b@example.org"] == template.email
    template.email = "c@example.org"
    assert ["c@example.org"] == template.email


def test_environment_comes_back(template: JobTemplate) -> None:
    """An environment comes back as dict[str, str], split at the first '='; setting replaces."""
    template.jobEnvironment = {"FIRST": "1", "MORE": "a=b=c", "EMPTY": "", "NUMBER": 7}
    assert {"FIRST": "1", "MORE": "a=b=c", "EMPTY": "", "NUMBER": "7"} == template.jobEnvironment
    template.jobEnvironment = {"SECOND": "2"}
    assert {"SECOND": "2"} == template.jobEnvironment


@pytest.mark.parametrize("size", [1022, 1023, 1024, 1025, 4095, 4096, 70_000])
def test_long_values(template: JobTemplate, size: int) -> None:
    """Values of any length come back whole."""
    text = "ä" * (size // 2) + "x" * (size % 2)
    template.nativeSpecification = text
    assert text == template.nativeSpecification
    template.args = [text, "end"]
    assert [text, "end"] == template.args
    template.jobEnvironment = {"A": text}
    assert {"A": text} == template.jobEnvironment


def test_bytes_that_are_no_text(template: JobTemplate) -> None:
    """Bytes that are not UTF-8 come back as surrogates, which give the same bytes again."""
    template.remoteCommand = b"/bin/\xff"
    assert "/bin/\udcff" == template.remoteCommand
    template.args = ["\udcff"]
    assert ["\udcff"] == template.args


@pytest.mark.parametrize("name", NAMES)
def test_unset(drm: Drm, template: JobTemplate, name: str) -> None:
    """Reading what was never set gives the library's answer: an AttributeError, or a default."""
    defaults = dict(drm.defaults)
    if name in defaults:
        assert defaults[name] == getattr(template, name)
        return
    with pytest.raises(drm.unset) as caught:
        getattr(template, name)
    assert isinstance(caught.value, AttributeError)
    assert not hasattr(template, name)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in FLAGS])
def test_none(template: JobTemplate, name: str) -> None:
    """None is no value, and the error names the attribute; to a flag it is false."""
    with pytest.raises(InvalidArgumentException, match=name):
        setattr(template, name, None)


def test_no_native_specification(drm: Drm, jobs: Jobs, session: Session) -> None:
    """Native options that the DRM does not have are refused when the job is submitted."""
    with pytest.raises(drm.native_error, match="no-such-option"):
        session.runJob(jobs.template(nativeSpecification="--no-such-option"))


def test_no_category(jobs: Jobs, session: Session) -> None:
    """A category that the site does not have is refused when the job is submitted."""
    with pytest.raises(drmaa_cffi.DrmaaException):
        session.runJob(jobs.template(jobCategory="no-such-category"))


def test_no_command(template: JobTemplate, session: Session) -> None:
    """A template without a command is refused when it is submitted."""
    with pytest.raises((DeniedByDrmException, InvalidAttributeValueException)):
        session.runJob(template)


def test_keywords(session: Session) -> None:
    """A template takes its attributes as keywords."""
    with JobTemplate(remoteCommand="/bin/true", args=[1], joinFiles=True) as template:
        assert ("/bin/true", ["1"]) == (template.remoteCommand, template.args)
        assert template.joinFiles is True


def test_other_attributes_stay(template: JobTemplate) -> None:
    """An attribute of the program's own stays on the template; one that looks misspelled warns."""
    template.note = "mine"
    assert "mine" == template.note
    with pytest.warns(UserWarning, match="softWallclockTimeLimit"):
        template.softWallClockTimeLimit = 5


def test_converter_can_be_replaced(template: JobTemplate, monkeypatch: pytest.MonkeyPatch) -> None:
    """The converter of a descriptor in vars(JobTemplate) can be set, as programs do."""

    class Shouting:
        def to_drmaa(self, value: str) -> str:
            return value.upper()

        def from_drmaa(self, value: bytes) -> str:
            return value.decode().lower()

    descriptor = vars(JobTemplate)["jobName"]
    monkeypatch.setattr(descriptor, "converter", Shouting())
    template.jobName = "name"
    assert "name" == template.jobName
    monkeypatch.undo()
    assert "NAME" == template.jobName


def test_asdict_and_copy(drm: Drm, jobs: Jobs, session: Session) -> None:
    """asdict() has what is set; a copy has the same, with changes, and runs by itself."""
    output = jobs.folder / "output"
    given = {
        "remoteCommand": "/bin/sh",
        "args": ["-c", 'echo "$JOB_IS $1"', "sh", "one"],
        "jobEnvironment": {"JOB_IS": "copied"},
        "jobName": "first",
        "outputPath": f":{output}",
        "joinFiles": True,
    }
    with JobTemplate(**given) as template:
        assert given == template.asdict()
        copied = template.copy(jobName="second")
        assert "first" == template.jobName
    assert {**given, "jobName": "second"} == copied.asdict()
    assert "remoteCommand='/bin/sh'" in repr(copied)
    assert session.wait(session.runJob(copied), 60).ok
    assert "copied one\n" == output.read_text()


@pytest.mark.parametrize("name", ["inputPath", "outputPath", "errorPath"])
def test_path(jobs: Jobs, name: str) -> None:
    """A path of Python's is taken for a file, without a colon of the program's own."""
    file = jobs.folder / "file.txt"
    file.write_text("3\n" if name == "inputPath" else "")
    values: dict[str, object] = {
        "remoteCommand": Path("/bin/sh"),
        "workingDirectory": jobs.folder,
        "outputPath": Path("/dev/null"),
        "joinFiles": name != "errorPath",
        name: file,
    }
    script = {"inputPath": "read n; exit $n"}.get(name, "echo word; echo word >&2; exit 3")
    assert 3 == jobs.run(script, **values).exitStatus
    words = {"inputPath": "3\n", "outputPath": "word\nword\n", "errorPath": "word\n"}
    assert words[name] == file.read_text()

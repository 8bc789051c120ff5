"""Template attributes take what users have, reach C in C's form, and come back as Python's."""

from __future__ import annotations

import os
import warnings
from collections import UserDict
from pathlib import Path
from typing import Any

import pytest
from fake import Fake, in_c

import drmaa_cffi
from drmaa_cffi import JobTemplate, Session, helpers
from drmaa_cffi.errors import Errno

SCALARS = (
    "remoteCommand",
    "jobSubmissionState",
    "workingDirectory",
    "jobCategory",
    "nativeSpecification",
    "blockEmail",
    "startTime",
    "jobName",
    "inputPath",
    "outputPath",
    "errorPath",
    "joinFiles",
    "transferFiles",
    "deadlineTime",
    "hardWallclockTimeLimit",
    "softWallclockTimeLimit",
    "hardRunDurationLimit",
    "softRunDurationLimit",
)
LIMITS = SCALARS[-4:]
VECTORS = ("args", "email", "jobEnvironment")
FILES = ("inputPath", "outputPath", "errorPath")
TEXTS = tuple(set(SCALARS) - set(LIMITS) - {"blockEmail", "joinFiles"})


class Text(str):
    """A str that is no str, as numpy's and yaml's are."""

    __slots__ = ()


class Several:
    """Has no truth value, as NumPy's arrays have none."""

    def __bool__(self) -> bool:
        raise ValueError("ambiguous")


def test_all_attributes() -> None:
    """dir() lists all 18 scalar and 3 vector attributes, and vars() has their descriptors."""
    assert set(SCALARS + VECTORS) <= set(dir(JobTemplate))
    for name in SCALARS:
        assert isinstance(vars(JobTemplate)[name], helpers.Attribute)
    for name in LIMITS:
        assert vars(JobTemplate)[name].converter is helpers.IntConverter


@pytest.mark.parametrize("name", sorted(TEXTS))
@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("text", "text"),
        (b"bytes", "bytes"),
        (Text("subclass"), "subclass"),
        (Path("/a/path"), "/a/path"),
        (42, "42"),
        ("", ""),
        ("größer", "größer"),
        ("\udcff", "\udcff"),
    ],
    ids=["str", "bytes", "subclass", "path", "int", "empty", "umlaut", "surrogate"],
)
def test_text(template: JobTemplate, name: str, value: object, read: str) -> None:
    """Text attributes take str, bytes, paths and numbers; reading gives str."""
    setattr(template, name, value)
    if isinstance(value, Path) and name in FILES:
        read = f":{read}"
    assert read == getattr(template, name)


class BytesPath:
    """A path of bytes."""

    def __fspath__(self) -> bytes:
        """Return it."""
        return b"$drmaa_wd_ph$/\xff"


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("value", "read"),
    [
        (Path("/a b"), ":/a b"),
        (Path("out") / "$drmaa_incr_ph$", ":out/$drmaa_incr_ph$"),
        (BytesPath(), ":$drmaa_wd_ph$/\udcff"),
        ("/a", "/a"),
        (b":/a", ":/a"),
        (Text("host:/a"), "host:/a"),
    ],
    ids=["path", "relative", "bytes path", "str", "bytes", "subclass"],
)
def test_file(template: JobTemplate, name: str, value: object, read: str) -> None:
    """A path gets the colon that files have in C, by no converter; text stays as it is."""
    setattr(template, name, value)
    assert read == getattr(template, name)
    assert vars(JobTemplate)[name].converter is None


@pytest.mark.parametrize("size", [*range(1020, 1028), *range(4090, 4100), 65535, 1 << 20])
@pytest.mark.usefixtures("fake")
def test_long_text(template: JobTemplate, size: int) -> None:
    """Values of any length come back whole."""
    template.nativeSpecification = "é" + "x" * size
    assert "é" + "x" * size == template.nativeSpecification


def test_unterminated_text(fake: Fake, template: JobTemplate) -> None:
    """A value that the library leaves without a NUL ends where it ends."""
    fake.says("drmaa_get_attribute", b"no end", terminated=False)
    assert "no end" == template.jobName


@pytest.mark.parametrize(
    ("name", "true", "false"), [("blockEmail", "1", "0"), ("joinFiles", "y", "n")]
)
def test_flag(template: JobTemplate, name: str, true: str, false: str) -> None:
    """Flags take any truth value, are the standard's letters in C, and are bool when read."""
    for value in (True, 1, "yes", [0]):
        setattr(template, name, value)
        assert (true, True) == (in_c(template, name), getattr(template, name))
    for value in (False, 0, "", [], None):
        setattr(template, name, value)
        assert (false, False) == (in_c(template, name), getattr(template, name))


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (["a", "b"], ["a", "b"]),
        ((1, 2.5, Path("/p"), b"b"), ["1", "2.5", "/p", "b"]),
        (["", "x", ""], ["", "x", ""]),
        ([], []),
        (range(3), ["0", "1", "2"]),
        ("one text", ["one text"]),
        (b"one text", ["one text"]),
        (Path("/p"), ["/p"]),
        ([str(i) for i in range(5000)], [str(i) for i in range(5000)]),
        (["x" * (1 << 19)], ["x" * (1 << 19)]),
    ],
    ids=["list", "mixed", "emptys", "none", "range", "str", "bytes", "path", "many", "large"],
)
@pytest.mark.parametrize("name", ["args", "email"])
def test_vector(template: JobTemplate, name: str, value: Any, read: list[str]) -> None:
    """Lists take any iterable of anything with a str(); a bare text is a list of one."""
    setattr(template, name, value)
    assert read == getattr(template, name)


def test_vector_is_replaced(template: JobTemplate) -> None:
    """Setting a list drops the former one."""
    template.args = ["a", "b", "c"]
    template.args = ["d"]
    assert ["d"] == template.args


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ({"A": "1", "B": "x=y"}, {"A": "1", "B": "x=y"}),
        ({b"A": b"\xff", "N": 5, "P": Path("/p")}, {"A": "\udcff", "N": "5", "P": "/p"}),
        (UserDict({"A": "1"}), {"A": "1"}),
        ({}, {}),
        ({"EMPTY": ""}, {"EMPTY": ""}),
    ],
    ids=["dict", "mixed", "mapping", "none", "empty value"],
)
def test_environment(template: JobTemplate, value: Any, read: dict[str, str]) -> None:
    """The environment takes anything with items(), and splits at the first '='."""
    template.jobEnvironment = value
    assert read == template.jobEnvironment


def test_environment_of_the_process(template: JobTemplate) -> None:
    """os.environ can be handed on."""
    template.jobEnvironment = os.environ
    assert dict(os.environ) == template.jobEnvironment


def test_environment_without_equals(fake: Fake, template: JobTemplate) -> None:
    """An entry without '=' is kept, with an empty value."""
    fake.lists("drmaa_get_vector_attribute", b"ALONE", b"A=1")
    assert {"ALONE": "", "A": "1"} == template.jobEnvironment


def test_none_among_arguments(template: JobTemplate) -> None:
    """None is a text to programs for drmaa, and stays one; a warning shows the line."""
    with pytest.warns(UserWarning, match=r"^args\[1\] is None, .* text 'None'") as caught:
        template.args = ["a", None, 2]
    assert [__file__] == [warning.filename for warning in caught]
    assert ["a", "None", "2"] == template.args
    with pytest.warns(UserWarning, match=r"^args\[0\] is None") as caught:
        JobTemplate(args=[None]).delete()
    assert [__file__] == [warning.filename for warning in caught]


@pytest.mark.parametrize("name", ["", "A=B"], ids=repr)
def test_bad_variable_name(template: JobTemplate, name: str) -> None:
    """A variable that could not be read back is refused."""
    with pytest.raises(drmaa_cffi.InvalidArgumentException, match="can't have the name"):
        template.jobEnvironment = {name: "x"}


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("jobName", None, "jobName can't be None"),
        ("hardWallclockTimeLimit", None, "hardWallclockTimeLimit can't be None"),
        ("args", None, "args can't be None"),
        ("args", 5, "args can't be 5"),
        ("args", bytearray(b"12"), r"args can't be bytearray\(b'12'\): pass a list"),
        ("args", [memoryview(b"12")], r"args\[0\] can't be <memory"),
        ("jobName", bytearray(b"12"), r"jobName can't be bytearray\(b'12'\): pass str"),
        ("joinFiles", Several(), "<.*Several object.*> is neither true nor false"),
        ("jobEnvironment", None, "jobEnvironment can't be None"),
        ("jobEnvironment", ["A=1"], "jobEnvironment can't be"),
        ("jobEnvironment", {"A": None}, r"jobEnvironment\['A'\] can't be None"),
        ("jobName", "a\0b", "jobName has a NUL"),
        ("args", ["a", "b\0"], r"args\[1\] has a NUL"),
        ("jobEnvironment", {"A": "\0"}, r"jobEnvironment\['A'\] has a NUL"),
        ("jobName", "\ud800", "jobName can't be written as UTF-8"),
    ],
)
def test_bad_value(template: JobTemplate, attribute: str, value: Any, message: str) -> None:
    """A bad value is refused before C, with the attribute's name."""
    with pytest.raises(drmaa_cffi.InvalidArgumentException, match=f"^code 4: {message}"):
        setattr(template, attribute, value)


def test_refused_value(fake: Fake, template: JobTemplate) -> None:
    """A value that the library refuses is named beside the library's words."""
    fake.returns("drmaa_set_attribute", Errno.INVALID_ATTRIBUTE_VALUE)
    fake.diagnoses(b"no")
    with pytest.raises(
        drmaa_cffi.InvalidAttributeValueException,
        match="^code 14: no \\(drmaa_native_specification = '-q x'\\)$",
    ):
        template.nativeSpecification = "-q x"


def test_unset_attribute(fake: Fake, template: JobTemplate) -> None:
    """The library decides what an unset attribute is: an error that hasattr knows, or ''."""
    assert not hasattr(template, "jobName")
    fake.says("drmaa_get_attribute", b"")
    assert "" == template.jobName


def test_keywords(session: Session) -> None:
    """Attributes can be given as keywords."""
    template = JobTemplate(remoteCommand="/bin/true", args=[1], joinFiles=True)
    assert ("/bin/true", ["1"], True) == (
        template.remoteCommand,
        template.args,
        template.joinFiles,
    )


@pytest.mark.usefixtures("session")
def test_keyword_that_fails(fake: Fake) -> None:
    """A keyword that fails deletes the template and raises."""
    with pytest.raises(drmaa_cffi.InvalidArgumentException):
        JobTemplate(remoteCommand="/bin/true", jobName=None)
    assert {} == fake.live()


def test_unknown_attribute(template: JobTemplate) -> None:
    """An attribute that DRMAA lacks is stored on the object, without a word."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        template.project = "blue"  # type: ignore[attr-defined]
        template._private = 1  # type: ignore[attr-defined]
    assert ("blue", 1) == (vars(template)["project"], vars(template)["_private"])


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("softWallClockTimeLimit", "softWallclockTimeLimit"),
        ("remotecommand", "remoteCommand"),
        ("job_name", "jobName"),
        ("arg", "args"),
        ("native_specification", "nativeSpecification"),
        ("command", "remoteCommand"),
        ("name", "jobName"),
        ("WORKING_DIRECTORY", "workingDirectory"),
        ("environment", "jobEnvironment"),
        ("stdout", "outputPath"),
        ("memory", "resources"),
    ],
)
def test_misspelled_attribute(template: JobTemplate, name: str, meant: str) -> None:
    """A misspelled attribute is stored, with a warning that names the one meant."""
    with pytest.warns(UserWarning, match=f"did you mean '{meant}'") as caught:
        setattr(template, name, "x")
    assert __file__ == caught[0].filename
    assert "x" == getattr(template, name)


def test_misspelled_keyword(session: Session) -> None:
    """The warning of a keyword points to the call that has it, a subclass's too."""

    class Mine(JobTemplate):
        pass

    template = JobTemplate()
    for make in (JobTemplate, Mine, template.copy):
        with pytest.warns(UserWarning, match="did you mean 'args'") as caught:
            make(arg=1)
        assert __file__ == caught[0].filename


def test_converter_can_be_replaced(template: JobTemplate, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program can put a converter of its own on an attribute."""

    class Shout:
        @staticmethod
        def to_drmaa(value: str) -> bytes:
            return value.upper().encode()

        @staticmethod
        def from_drmaa(value: bytes) -> tuple[str, bytes]:
            return "heard", value

    monkeypatch.setattr(vars(JobTemplate)["jobName"], "converter", Shout)
    template.jobName = "quiet"
    assert ("heard", b"QUIET") == template.jobName


def test_subclass(session: Session) -> None:
    """A subclass has its own attributes beside DRMAA's."""

    class Mine(JobTemplate):
        queue = helpers.Attribute(b"drmaa_job_category")

        def __init__(self, memory: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.memory = memory

    template = Mine(5, jobName="mine", queue="long")
    assert ("mine", 5, "long", "long") == (
        template.jobName,
        template.memory,
        template.queue,
        template.jobCategory,
    )
    assert session.runJob(template)


def test_attribute_names(fake: Fake, template: JobTemplate) -> None:
    """attributeNames are the library's names, in C."""
    assert "drmaa_remote_command" in template.attributeNames
    fake.lists("drmaa_get_attribute_names", b"drmaa_wd", b"drmaa_other")
    assert ["drmaa_wd", "drmaa_other"] == template.attributeNames


def test_placeholders() -> None:
    """The placeholders are the standard's, as str."""
    assert ("$drmaa_hd_ph$", "$drmaa_wd_ph$", "$drmaa_incr_ph$") == (
        JobTemplate.HOME_DIRECTORY,
        JobTemplate.WORKING_DIRECTORY,
        JobTemplate.PARAMETRIC_INDEX,
    )

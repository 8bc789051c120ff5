"""Attributes are checked when they are set: what is wrong is named, with what is legal."""

from __future__ import annotations

import pytest
from engines import Engine

import drmaa_cffi
from drmaa_cffi import InvalidAttributeFormatException, InvalidAttributeValueException, Session

FORMAT = InvalidAttributeFormatException
VALUE = InvalidAttributeValueException


@pytest.mark.parametrize(
    ("attribute", "value", "error", "words"),
    [
        ("remoteCommand", "", VALUE, "path of a program"),
        ("jobSubmissionState", "hold", VALUE, "'hold' is not 'drmaa_active' or 'drmaa_hold'"),
        ("outputPath", "no/colon", FORMAT, r"'no/colon' is not \[host\]:path"),
        ("errorPath", "/with:colon", FORMAT, "put a ':' before"),
        ("inputPath", "host:", FORMAT, "no path after"),
        ("outputPath", ":/tmp/$drmaa_wd_ph$", FORMAT, "at its start only"),
        ("workingDirectory", "$drmaa_wd_ph$/here", FORMAT, "only .drmaa_hd_ph"),
        ("jobName", "a/b", VALUE, "without '/'"),
        ("jobName", "n" * 201, VALUE, "1 to 200 bytes"),
        ("transferFiles", "x", VALUE, "'i', 'o' and 'e'"),
        ("startTime", "tomorrow", FORMAT, r"\[\[\[\[CC\]YY/\]MM/\]DD\] hh:mm"),
        ("startTime", "2030/02/30 10:00", VALUE, "no such day"),
        ("startTime", "25:00", VALUE, "no such day or hour"),
        ("deadlineTime", "10:00 +2:00", FORMAT, "10:00 .2:00"),
        ("softWallclockTimeLimit", "0", VALUE, "more than zero"),
        ("email", ["-oX"], VALUE, "'-oX' is not an e-mail address"),
    ],
)
def test_refused(
    engine: Engine, session: Session, attribute: str, value: object, error: type, words: str
) -> None:
    """A value that is not legal is refused at once."""
    template = session.createJobTemplate()
    with pytest.raises(error, match=words):
        setattr(template, attribute, value)


@pytest.mark.parametrize(
    "value",
    [
        "2030/01/31 08:00", "30/01/31 08:00:30", "01/31 08:00", "31 08:00", "08:00", "23:59:59",
        "02/29 10:00",
    ],
)  # fmt: skip
def test_times(engine: Engine, session: Session, value: str) -> None:
    """Every way of the standard to write a time is taken, and reads back."""
    template = session.createJobTemplate()
    template.startTime = value
    assert value == template.startTime


@pytest.mark.parametrize("value", ["2030/01/31 08:00 +02:00", "08:00 -11:30"])
def test_times_with_offset(engine: Engine, session: Session, value: str) -> None:
    """The library takes offsets, too; the binding makes local time of those of startTime."""
    template = session.createJobTemplate()
    template.deadlineTime = value
    assert value == template.deadlineTime


def test_unset(engine: Engine, session: Session) -> None:
    """What was never set is an error of code 14, unless it has a default."""
    template = session.createJobTemplate()
    for name in ("remoteCommand", "jobName", "args", "jobEnvironment", "nativeSpecification"):
        with pytest.raises(VALUE, match="is not set"):
            getattr(template, name)
    assert "drmaa_active" == template.jobSubmissionState
    assert template.joinFiles is False
    assert template.blockEmail is False


def test_no_command(engine: Engine, session: Session) -> None:
    """A job without a command is refused by name."""
    template = session.createJobTemplate()
    with pytest.raises(drmaa_cffi.DeniedByDrmException, match="drmaa_remote_command"):
        session.runJob(template)

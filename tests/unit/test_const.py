"""The agreed names and values are the standard's, and are plain str."""

from __future__ import annotations

import json
import pickle

import pytest

import drmaa_cffi
from drmaa_cffi import JobControlAction, JobState, JobSubmissionState, const
from drmaa_cffi._drmaa import lib


@pytest.mark.parametrize("enum", [JobState, JobControlAction, JobSubmissionState])
def test_members_are_str(enum: type[JobState]) -> None:
    """Members compare, hash, format, print, pickle and serialize as their str."""
    for member in enum:
        text = member.value
        assert member == text
        assert hash(member) == hash(text)
        assert (text, text, text, repr(text)) == (
            str(member),
            f"{member}",
            "%s" % member,  # noqa: UP031
            repr(member),
        )
        assert f"{text:>30}" == f"{member:>30}"
        assert {text: 1}[member] == 1
        assert json.dumps(member) == json.dumps(text)
        assert pickle.loads(pickle.dumps(member)) is member
        assert member in text


def test_states() -> None:
    """The eleven states have the standard's names, and numbers that drmaa.h has."""
    assert len(JobState) == 11
    for state in JobState:
        number = getattr(lib, f"DRMAA_PS_{state.name}")
        assert const.status_to_string(number) is state
        assert const.job_state(number) is state


@pytest.mark.parametrize("number", [-1, 1, 0x50, 2**31 - 1])
def test_unknown_state(number: int) -> None:
    """An unknown status number is UNDETERMINED."""
    assert JobState.UNDETERMINED == const.status_to_string(number)


@pytest.mark.parametrize("action", JobControlAction)
def test_actions(action: JobControlAction) -> None:
    """Control operations have drmaa.h's numbers, as members, str and bytes, and back."""
    number = getattr(lib, f"DRMAA_CONTROL_{action.name}")
    for name in (action, str(action), str(action).encode()):
        assert number == const.string_to_control_action(name)
    assert const.control_action_to_string(number) is action


@pytest.mark.parametrize("operation", ["explode", "", b"\xff", "HOLD", None, 3], ids=repr)
def test_unknown_action(operation: str) -> None:
    """An unknown operation is refused with the legal ones."""
    with pytest.raises(
        drmaa_cffi.InvalidArgumentException,
        match="use one of suspend, resume, hold, release, terminate$",
    ):
        const.string_to_control_action(operation)


@pytest.mark.parametrize("number", [5, -1, "0", 1.0, None], ids=repr)
def test_unknown_action_number(number: int) -> None:
    """A number of no operation is refused with the legal ones."""
    with pytest.raises(drmaa_cffi.InvalidArgumentException, match="use 0 to 4"):
        const.control_action_to_string(number)


def test_submission_states() -> None:
    """Submission states by number, and nothing for other numbers."""
    assert JobSubmissionState.HOLD_STATE == const.submission_state(0) == "drmaa_hold"
    assert JobSubmissionState.ACTIVE_STATE == const.submission_state(1) == "drmaa_active"
    with pytest.raises(drmaa_cffi.InvalidArgumentException, match="use 0 or 1"):
        const.submission_state(2)


def test_headers_words() -> None:
    """The words and numbers of const.py are those of drmaa.h, and all are exported."""
    header = (__import__("fake").INCLUDE / "drmaa.h").read_text(encoding="utf-8")
    skipped = ("ERRNO_", "PS_", "CONTROL_", "H")
    checked = 0
    for line in header.splitlines():
        words = line.split()
        if len(words) == 3 and words[0] == "#define":
            name = words[1][len("DRMAA_") :]
            if not name.startswith(skipped):
                expected = getattr(const, name)
                assert words[2] == (
                    f'"{expected}"' if isinstance(expected, str) else str(expected)
                )
                assert getattr(drmaa_cffi, name) == expected
                checked += 1
    assert checked == 37

"""Rules that the C library and the engine have both written down: they agree, value by value."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Iterator

import pytest
from engines import Engine
from fake_engine import FakeEngine
from raw import SUBMIT

import drmaa_cffi
from drmaa_cffi import DrmsInitException, JobTemplate, Session
from drmaa_cffi.engine.core import home as homes
from drmaa_cffi.engine.core import spec

#: Attributes, what is set, and what the engine's reader of submissions makes of each.
ATTRIBUTES = {
    "remoteCommand": ("/bin/the-command", "command", b"/bin/the-command"),
    "jobSubmissionState": ("drmaa_hold", "held", True),
    "workingDirectory": ("/the/directory", "directory", b"/the/directory"),
    "jobCategory": ("the-category", "category", "the-category"),
    "nativeSpecification": ("-the native", "native_words", "-the native"),
    "blockEmail": (True, "block_email", True),
    "jobName": ("the_name", "name", b"the_name"),
    "inputPath": (":/the/input", "input", b"/the/input"),
    "outputPath": (":/the/output", "output", b"/the/output"),
    "errorPath": (":/the/error", "error", b"/the/error"),
    "joinFiles": (True, "join", True),
    "args": (["one", "two"], "arguments", [b"one", b"two"]),
    "jobEnvironment": ({"THE": "environment"}, "settings", [b"THE=environment"]),
    "email": (["the@address"], "emails", [b"the@address"]),
}
TIMES = {
    "startTime": ("2030/01/01 00:00:00 +00:00", "start", 1893456000),
    "deadlineTime": ("2031/01/01 00:00:00 +00:00", "deadline", 1924992000),
    "hardWallclockTimeLimit": ("1:00:04", "wall_hard", 3604),
    "softWallclockTimeLimit": ("1:00:03", "wall_soft", 3603),
    "hardRunDurationLimit": ("1:00:02", "run_hard", 3602),
    "softRunDurationLimit": ("1:00:01", "run_soft", 3601),
}


@pytest.fixture
def fake(engine: Engine) -> Iterator[FakeEngine]:
    """An engine that keeps what it is sent."""
    engine.home.mkdir(mode=0o700)
    with FakeEngine(engine.home).serving() as made:
        yield made
        Session.exit()
    shutil.rmtree(engine.home)


@pytest.mark.parametrize("name", [*ATTRIBUTES, *TIMES])
def test_attribute(fake: FakeEngine, name: str) -> None:
    """An attribute that the C library sends is that attribute to the engine, and no other."""
    Session.initialize()
    command = {"remoteCommand": "/bin/true"}
    value = (ATTRIBUTES.get(name) or TIMES[name])[0]
    for given in (command, {**command, name: value}):
        with JobTemplate(**given) as made:  # type: ignore[arg-type]
            Session.runJob(made)
    plain, changed = (read(payload) for kind, payload in fake.received if kind == SUBMIT)
    of_work, of_times = ATTRIBUTES.get(name), TIMES.get(name)
    if of_work:
        assert of_work[2] == getattr(changed, of_work[1])
    for _, attribute, _ in ATTRIBUTES.values():
        if not of_work or attribute != of_work[1]:
            expected = getattr(plain, attribute)
            # A job is called like its command where it has no name.
            if (name, attribute) == ("remoteCommand", "name"):
                expected = b"the-command"
            assert expected == getattr(changed, attribute)
    wanted = {field: value for _, field, value in [of_times] if of_times} if of_times else {}
    assert plain.times._replace(**wanted) == changed.times


def read(payload: bytes) -> spec.JobSpec:
    """A submission as the engine reads it."""
    times = spec.Times(*spec.TIMES.unpack_from(payload))
    return spec.JobSpec(times, payload[spec.TIMES.size + 12 :])


HOMES = {
    "given": {"DRMAA_LOCAL_HOME": "{}/a/b/c"},
    "relative": {"DRMAA_LOCAL_HOME": "a/b/../c"},
    "not tidy": {"DRMAA_LOCAL_HOME": "{}//a/./b/"},
    "state": {"XDG_STATE_HOME": "{}/state"},
    "given before state": {"DRMAA_LOCAL_HOME": "{}/given", "XDG_STATE_HOME": "{}/state"},
    "relative state": {"XDG_STATE_HOME": "state", "HOME": "{}/user"},
    "home": {"HOME": "{}/user"},
    "empty": {"DRMAA_LOCAL_HOME": "", "XDG_STATE_HOME": "", "HOME": "{}/user"},
    "file": {"DRMAA_LOCAL_HOME": "{}/file"},
    "below a file": {"DRMAA_LOCAL_HOME": "{}/file/below"},
    "open to others": {"DRMAA_LOCAL_HOME": "{}/open"},
    "in one open to others": {"DRMAA_LOCAL_HOME": "{}/open/in"},
    "long": {"DRMAA_LOCAL_HOME": "{}/" + "long" * 30},
}


@pytest.mark.parametrize("case", HOMES)
def test_home(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    """Both find, make and refuse the same folder, with the same modes and in the same words."""
    drmaa_cffi.load_library("local")
    found = []
    for maker in (by_library, by_engine):
        folder = tmp_path / "place"
        folder.mkdir()
        (folder / "file").touch()
        (folder / "a" / "b").mkdir(parents=True) if case == "relative" else None
        (folder / "open").mkdir()
        (folder / "open").chmod(0o755)
        with monkeypatch.context() as set_up:
            for name in ("DRMAA_LOCAL_HOME", "XDG_STATE_HOME"):
                set_up.delenv(name, raising=False)
            for name, value in HOMES[case].items():
                set_up.setenv(name, value.format(folder))
            set_up.setenv("DRMAA_LOCAL_ENGINE", "sh -c 'echo \"<$DRMAA_LOCAL_HOME>\"; exit 3'")
            set_up.chdir(folder)
            said = maker()
        made = {
            str(path.relative_to(folder)): oct(path.stat().st_mode)
            for path in folder.rglob("*")
            if path.is_dir()
        }
        found.append((said, made))
        shutil.rmtree(folder)
    assert found[0] == found[1]


def by_library() -> str:
    """The folder that the C library finds, or why none."""
    with pytest.raises(DrmsInitException) as error:
        Session.initialize()
    said = str(error.value).partition(": ")[2]
    return str(Path(said.rpartition("<")[2].partition(">")[0])) if "<" in said else said


def by_engine() -> str:
    """The folder that the engine finds, or why none."""
    try:
        path = homes.find_home("local")
        os.close(homes.Home(path, "local").folder)
    except homes.HomeError as error:
        return str(error)
    return str(path)

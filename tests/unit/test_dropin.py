"""``import drmaa`` finds drmaa-cffi where that was asked for, and fails as the package did."""

from __future__ import annotations

import importlib.util
import os
import pickle
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

import drmaa_cffi
from drmaa_cffi import shim
from programs import output, run, start

FOLDER = Path(shim.FOLDER)
TEXT = (
    "Could not find drmaa library.  Please specify its full path using the environment variable "
    "DRMAA_LIBRARY_PATH"
)
# Whatever the machine has, the search finds nothing.
NO_LIBRARY = """
import drmaa_cffi.library
drmaa_cffi.library.STEPS = drmaa_cffi.library.STEPS[:1]
"""
# Both ways to put it in place within a program; PYTHONPATH is a third.
WAYS = {
    "install": "import drmaa_cffi\ndrmaa_cffi.install_as_drmaa()\nimport drmaa\n",
    "path": f"import sys\nsys.path.insert(0, {str(FOLDER)!r})\nimport drmaa\n",
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """Lines that put drmaa-cffi in the place of drmaa and import it."""
    return WAYS[request.param]


def real_names(library: str) -> list[str]:
    """Return what the real drmaa exports."""
    program = "import drmaa, drmaa.wrappers; print(*drmaa.__all__)"
    return output(run(program, DRMAA_LIBRARY_PATH=library)).split()


def test_same_modules(library: str, way: str) -> None:
    """The submodules are attributes without being imported, and hold the very same classes."""
    program = """
import drmaa_cffi
for name in ("const", "errors", "helpers", "session"):
    assert getattr(drmaa, name) is getattr(drmaa_cffi, name)
assert drmaa.Session is drmaa_cffi.Session is drmaa.session.Session
import drmaa.errors, drmaa.helpers
from drmaa.errors import InvalidJobException
from drmaa.const import JobControlAction, JobState
assert InvalidJobException is drmaa_cffi.InvalidJobException
assert drmaa.helpers.Attribute is drmaa_cffi.helpers.Attribute
print(drmaa.__name__, drmaa.__version__, drmaa.JobState is JobState)
"""
    assert "drmaa 0.7.9 True\n" == output(run(way + program, DRMAA_LIBRARY_PATH=library))


@pytest.mark.parametrize("first", ["drmaa.const", "drmaa.session", "drmaa.errors"])
def test_submodule_first(library: str, first: str) -> None:
    """A program may import a submodule before anything else."""
    program = f"import {first}; print({first}.__name__, drmaa.Session.version)"
    done = run(program, DRMAA_LIBRARY_PATH=library, PYTHONPATH=str(FOLDER))
    assert f"{first.replace('drmaa.', 'drmaa_cffi.')} 1.0\n" == output(done)


def test_no_module_twice(library: str, way: str) -> None:
    """No other module of drmaa-cffi can be had a second time by a name under drmaa."""
    program = """
import importlib
for name in ("wrappers", "binding", "library", "waiting"):
    try:
        importlib.import_module("drmaa." + name)
    except ModuleNotFoundError as error:
        print(error.name)
"""
    expected = "drmaa.wrappers\ndrmaa.binding\ndrmaa.library\ndrmaa.waiting\n"
    assert expected == output(run(way + program, DRMAA_LIBRARY_PATH=library))


def test_star_import(library: str, way: str) -> None:
    """``from drmaa import *`` gives what drmaa 0.7.9 gives, and two exceptions more."""
    program = "names = {*globals(), 'names'}\nfrom drmaa import *\nprint(*{*globals()} - names)"
    found = output(run(way + program, DRMAA_LIBRARY_PATH=library)).split()
    more = ["DrmaaException", "NoResourceUsageException"]
    assert sorted([*real_names(library), *more]) == sorted(found)


def test_missing_library(way: str) -> None:
    """Without a library the import raises RuntimeError with drmaa's text, then the report."""
    program = NO_LIBRARY + (
        "try:\n"
        + "".join(f"    {line}\n" for line in way.splitlines())
        + "except RuntimeError as error:\n"
        "    text = str(error)\n"
        "    print(text.splitlines()[0], 'not set' in text, sep='|')\n"
        "    import sys; print([name for name in sys.modules if name.startswith('drmaa.')])"
    )
    done = run(program, DRMAA_LIBRARY_PATH=None)
    assert f"{TEXT}|True\n[]\n" == output(done)


def test_text_is_the_packages(library: str) -> None:
    """The text and classes of failed imports are those of drmaa 0.7.9 itself."""
    program = (
        "import ctypes.util; ctypes.util.find_library = lambda name: None\n"
        + NO_LIBRARY
        + "try:\n"
        "    import drmaa\n"
        "except (OSError, RuntimeError) as error:\n"
        "    for base in (OSError, RuntimeError):\n"
        "        print(isinstance(error, base))\n"
        "    print(str(error).splitlines()[0])\n"
    )
    for path, classes in ((None, "False\nTrue\n"), ("/nonexistent/libdrmaa.so", "True\nFalse\n")):
        real = output(run(program, DRMAA_LIBRARY_PATH=path))
        ours = output(run(program, DRMAA_LIBRARY_PATH=path, PYTHONPATH=str(FOLDER)))
        assert real.startswith(classes)
        assert ours.startswith(classes)
        if path is None:
            assert real == ours == f"{classes}{TEXT}\n"


@pytest.mark.parametrize("bad", [None, "/nonexistent/libdrmaa.so", "/etc/passwd"])
def test_retry(library: str, way: str, bad: str | None) -> None:
    """After a failure the environment is set, and a second import works fully."""
    attempt = "".join(f"    {line}\n" for line in way.splitlines())
    program = (
        NO_LIBRARY
        + "import os, sys\nbefore = list(sys.path)\n"
        + f"try:\n{attempt}except (OSError, RuntimeError):\n    print('failed')\n"
        + ("assert before == sys.path\n" if "install" in way else "")
        + "assert 'drmaa' not in sys.modules\n"
        + f"os.environ['DRMAA_LIBRARY_PATH'] = {library!r}\n{way}"
        + "import drmaa.const, drmaa.errors, drmaa.helpers, drmaa.session\n"
        + "with drmaa.Session() as session:\n"
        + "    with drmaa.JobTemplate(remoteCommand='/bin/true') as template:\n"
        + "        print(session.runJob(template), drmaa.const.JobState.DONE)\n"
    )
    assert "failed\n1 done\n" == output(run(program, DRMAA_LIBRARY_PATH=bad))


def test_retry_of_the_package(library: str) -> None:
    """install_as_drmaa() works after an import of the real drmaa has failed."""
    program = (
        "import os\ntry:\n    import drmaa\nexcept OSError:\n    print('failed')\n"
        f"os.environ['DRMAA_LIBRARY_PATH'] = {library!r}\n{WAYS['install']}"
        "import drmaa.const, drmaa.errors\n"
        "print(drmaa.Session is drmaa_cffi.Session, drmaa.const is drmaa_cffi.const)\n"
        "print(drmaa.errors is drmaa_cffi.errors)"
    )
    done = run(program, DRMAA_LIBRARY_PATH="/nonexistent/libdrmaa.so")
    assert "failed\nTrue True\nTrue\n" == output(done)


def test_package_in_use(library: str) -> None:
    """install_as_drmaa() refuses to take the place of a drmaa that is in use, and names it."""
    program = (
        "import sys, drmaa, drmaa_cffi\nbefore = list(sys.path), drmaa.Session\n"
        "try:\n    drmaa_cffi.install_as_drmaa()\n"
        "except drmaa_cffi.IllegalStateException as error:\n    print(error)\n"
        "assert before == (sys.path, sys.modules['drmaa'].Session)"
    )
    said = output(run(program, DRMAA_LIBRARY_PATH=library))
    assert "another package drmaa is imported already (" in said
    assert f"{os.sep}drmaa{os.sep}__init__.py" in said


def test_install_twice(library: str) -> None:
    """A second install_as_drmaa() changes nothing, and the program's own folder stays first."""
    program = (
        "import sys\nfirst = sys.path[0]\n" + WAYS["install"] + "again = list(sys.path), drmaa\n"
        "drmaa_cffi.install_as_drmaa()\n"
        "print(again == (sys.path, sys.modules['drmaa']), first == sys.path[0])"
    )
    assert "True True\n" == output(run(program, DRMAA_LIBRARY_PATH=library))


def test_install_in_threads(library: str) -> None:
    """Threads that import it at once all get the whole of it."""
    program = """
import threading, drmaa_cffi
found = []
barrier = threading.Barrier(8)
def use():
    barrier.wait(20)
    drmaa_cffi.install_as_drmaa()
    import drmaa, drmaa.const
    found.append((drmaa, drmaa.const.JobState.DONE, drmaa.Session, drmaa.__all__[0]))
threads = [threading.Thread(target=use) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join(20)
print(len(found), len({id(module) for module, *_ in found}))
"""
    assert "8 1\n" == output(run(program, DRMAA_LIBRARY_PATH=library))


def test_shim_wins_and_says_so(library: str) -> None:
    """Over an installed drmaa the shim wins; ``python -v`` names both, a plain run none."""
    installed = importlib.util.find_spec("drmaa")
    assert installed is not None
    program = "import drmaa; print(drmaa.__file__)"
    environment = {"DRMAA_LIBRARY_PATH": library, "PYTHONPATH": str(FOLDER)}
    expected = f"{FOLDER / 'drmaa' / '__init__.py'}\n"
    assert expected == output(run(program, **environment))
    verbose = start([sys.executable, "-v", "-c", program], **environment)
    assert expected == verbose.stdout
    assert f"# drmaa: drmaa-cffi {drmaa_cffi.__version__} stands for it" in verbose.stderr
    assert f"# drmaa: {installed.origin} is not used\n" in verbose.stderr


@pytest.mark.parametrize("way", ["PYTHONPATH", "install"])
def test_metadata(library: str, way: str) -> None:
    """importlib.metadata finds drmaa 0.7.9, whose summary says whose it is."""
    program = (WAYS["install"] if way == "install" else "") + (
        "from importlib.metadata import distribution, version\n"
        "print(version('drmaa'), distribution('drmaa').metadata['Summary'])"
    )
    path = str(FOLDER) if way == "PYTHONPATH" else None
    said = output(run(program, DRMAA_LIBRARY_PATH=library, PYTHONPATH=path))
    assert said.startswith("0.7.9 drmaa-cffi in the place of drmaa")


def test_folder_holds_nothing_else() -> None:
    """The folder for PYTHONPATH makes nothing importable but drmaa."""
    names = {entry.name for entry in FOLDER.iterdir()} - {"__pycache__"}
    assert {"drmaa", "drmaa-0.7.9.dist-info"} == names
    assert [] == [*FOLDER.glob("drmaa/*.so"), *FOLDER.glob("drmaa/[!_]*")]


def test_wheel_holds_the_folder() -> None:
    """All of the shim's files are part of the installed distribution."""
    if not Path(drmaa_cffi.__file__).is_relative_to(sys.prefix):
        pytest.skip("drmaa-cffi is installed as a link to its source")
    files = {str(file) for file in distribution("drmaa-cffi").files or ()}
    path = "drmaa_cffi/shim/path"
    for name in ("METADATA", "INSTALLER", "top_level.txt"):
        assert f"{path}/drmaa-0.7.9.dist-info/{name}" in files
    assert f"{path}/drmaa/__init__.py" in files


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A virtual environment's Python, with a distribution that requires drmaa and lacks it."""
    environment = tmp_path / "bare"
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True, timeout=60
    )
    (packages,) = environment.glob("lib/python3*/site-packages")
    pipeline = packages / "pipeline-1.0.dist-info"
    pipeline.mkdir()
    pipeline.joinpath("METADATA").write_text(
        "Metadata-Version: 2.1\nName: pipeline\nVersion: 1.0\nRequires-Dist: drmaa<0.8,>=0.7.9\n",
        encoding="utf-8",
    )
    binding = packages / "drmaa_cffi-1.0.dist-info"
    binding.mkdir()
    binding.joinpath("METADATA").write_text(
        "Metadata-Version: 2.1\nName: drmaa-cffi\nVersion: 1.0\n", encoding="utf-8"
    )
    return environment / "bin" / "python"


def test_pip_is_content(bare: Path) -> None:
    """``pip check`` misses drmaa where a program requires it, and is content with the shim."""
    check = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(bare)]
    without = start([*check, "check"], PYTHONPATH=None)
    assert (1, "pipeline 1.0 requires drmaa, which is not installed.\n") == (
        without.returncode,
        without.stdout,
    )
    done = start([*check, "check"], PYTHONPATH=str(FOLDER))
    assert (0, "No broken requirements found.\n") == (done.returncode, done.stdout)


def test_pip_leaves_the_shim_alone(bare: Path) -> None:
    """``pip uninstall drmaa`` takes nothing of the shim away."""
    before = sorted(FOLDER.rglob("*"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(bare)]
    done = start([*pip, "uninstall", "--yes", "drmaa"], PYTHONPATH=str(FOLDER))
    assert "Found existing installation: drmaa 0.7.9" in done.stdout
    assert before == sorted(FOLDER.rglob("*"))


RECORD = "('7', True, False, '', False, False, 3, {'cpu': '1.0'})"


@pytest.mark.parametrize("loads", ["install", "drmaa_cffi alone"])
def test_pickles_of_ours(library: str, loads: str) -> None:
    """What was pickled under the name drmaa loads there, and where only drmaa_cffi is known."""
    dump = WAYS["install"] + (
        "import pickle, sys\n"
        f"info = drmaa.JobInfo(*{RECORD})\n"
        "error = drmaa.InvalidJobException('code 18: none')\n"
        "sys.stdout.write(pickle.dumps([info, error, drmaa.JobState.DONE], 4).hex())"
    )
    load = (WAYS["install"] if loads == "install" else "import drmaa_cffi as drmaa\n") + (
        "import pickle, sys\n"
        "info, error, state = pickle.loads(bytes.fromhex(sys.argv[1]))\n"
        "print(type(info) is drmaa.JobInfo, type(error) is drmaa.InvalidJobException)\n"
        "print(tuple(info))\nprint(error, state, state is drmaa.JobState.DONE)"
    )
    pickled = output(run(dump, DRMAA_LIBRARY_PATH=library))
    assert f"True True\n{RECORD}\ncode 18: none done True\n" == output(
        run(load, pickled, DRMAA_LIBRARY_PATH=library)
    )


def test_pickles_of_the_package(library: str) -> None:
    """What drmaa 0.7.9 has pickled loads as ours."""
    dump = (
        "import drmaa, pickle, sys\n"
        f"info = drmaa.JobInfo(*{RECORD})\n"
        "error = drmaa.InvalidJobException('code 18: none')\n"
        "sys.stdout.write(pickle.dumps([info, error, drmaa.JobState.DONE], 4).hex())"
    )
    load = WAYS["install"] + (
        "import pickle, sys\n"
        "info, error, state = pickle.loads(bytes.fromhex(sys.argv[1]))\n"
        "print(type(info) is drmaa_cffi.JobInfo)\n"
        "print(type(error) is drmaa.errors.InvalidJobException)\n"
        "print(tuple(info))\nprint(error, state == drmaa.JobState.DONE)"
    )
    pickled = output(run(dump, DRMAA_LIBRARY_PATH=library))
    assert f"True\nTrue\n{RECORD}\ncode 18: none True\n" == output(
        run(load, pickled, DRMAA_LIBRARY_PATH=library)
    )


def test_pickle_crosses_spawn(library: str, tmp_path: Path) -> None:
    """A process that multiprocessing spawns knows drmaa, as its parent does."""
    file = tmp_path / "program.py"
    file.write_text(
        "import multiprocessing, drmaa_cffi\n"
        "def name(state):\n"
        "    import drmaa\n"
        "    return drmaa.__file__\n"
        "if __name__ == '__main__':\n"
        "    drmaa_cffi.install_as_drmaa()\n"
        "    import drmaa\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.apply(name, (drmaa.JobState.DONE,)) == drmaa.__file__)\n",
        encoding="utf-8",
    )
    done = start([sys.executable, str(file)], DRMAA_LIBRARY_PATH=library)
    assert "True\n" == output(done)


def test_patched_status_table(library: str) -> None:
    """A program's own const.status_to_string(), on const's table, is the one that is used."""
    program = WAYS["install"] + (
        "seen = []\n"
        "def status_to_string(status):\n"
        "    seen.append(status)\n"
        "    return drmaa.const._JOB_PS[status]\n"
        "drmaa.const.status_to_string = status_to_string\n"
        "with drmaa.Session() as session:\n"
        "    job_id = session.runJob(drmaa.JobTemplate(remoteCommand='/bin/true'))\n"
        "    print(session.jobStatus(job_id), seen)\n"
    )
    assert "running [32]\n" == output(run(program, DRMAA_LIBRARY_PATH=library))


def test_class_names() -> None:
    """Pickles and logs name the exceptions as drmaa does; drmaa.errors holds them all."""
    for name in drmaa_cffi.__all__:
        if name.endswith("Exception"):
            cls = getattr(drmaa_cffi, name)
            assert name == cls.__name__
            assert cls is getattr(drmaa_cffi.errors, name)
            assert type(pickle.loads(pickle.dumps(cls()))) is cls

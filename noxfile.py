"""Everything that is checked or measured, as nox sessions; ``nox --list`` names them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import nox

PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13")
SLOW_PYTHON = "3.13"
MEASURED_PYTHON = "3.11"
# Tests on a real DRM mostly wait for it, so more of them than processors can run at once; none
# waits for one that sleeps for minutes.
PARALLEL = ("--numprocesses=5", "--dist=worksteal")
A_CORE_EACH = "--numprocesses=auto"
PYPROJECT = nox.project.load_toml("pyproject.toml")
STRICT_C = "-Wall -Wextra -Werror"

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "types", "tests", "sanitize", "docs"]

# All Pythons are tested with one file: the first session of a run builds it.
_built: list[Path] = []


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


@nox.session
def lint(session: nox.Session) -> None:
    """Check style: ruff for Python, shellcheck for shell scripts where it is installed."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    scripts = ("tests/gridengine/start", "tests/gridengine/stop", ".ci/run")
    session.run("shellcheck", "-x", *scripts)


@nox.session
def types(session: nox.Session) -> None:
    """Check types: mypy and pyright, and the compiled module's stubs against the module."""
    install_wheel(session, "types")
    session.run("mypy")
    session.run("pyright")
    allowed = "--allowlist=tests/typing/stubtest-allowlist"
    session.run("python", "-m", "mypy.stubtest", allowed, "drmaa_cffi._drmaa")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests on the scripted fake and on the local engine; slow ones on one Python."""
    install_wheel(session, "test")
    chosen = () if session.python == SLOW_PYTHON else ("-m", "not slow")
    session.run("pytest", A_CORE_EACH, *chosen, *session.posargs)
    session.run("pytest", "--drm=local", *PARALLEL, *chosen, *session.posargs)


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
    session.run("pytest", A_CORE_EACH, "-m", "not slow", *session.posargs, env=environment)
    # The jobs run under it, too, and some have to die by these signals.
    environment["ASAN_OPTIONS"] += ":handle_segv=0:handle_sigfpe=0:handle_sigill=0:handle_abort=0"
    arguments = ("--drm=local", *PARALLEL, "-m", "not slow", "tests/conformance")
    session.run("pytest", *arguments, *session.posargs, env=environment)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning is an error."""
    install_wheel(session, "docs")
    session.run("sphinx-build", "-n", "-W", "-b", "html", "docs", "docs/_build/html")


@nox.session
def gridengine(session: nox.Session) -> None:
    """Run the tests on the Grid Engine that tests/gridengine/start has set up."""
    install_wheel(session, "test")
    client = subprocess.run(
        ["tests/gridengine/start"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    exports = (line.partition("export ")[2] for line in client.splitlines())
    environment = dict(export.split("=", 1) for export in exports if export)
    arguments = ("--drm=gridengine", *PARALLEL, *session.posargs)
    session.run("pytest", *arguments, env={**os.environ, **environment})


@nox.session(python=MEASURED_PYTHON)
def benchmarks(session: nox.Session) -> None:
    """Measure the binding, and make the table and the chart of docs/explanation/speed.md anew."""
    install_wheel(session, "benchmarks")
    figures = str(Path(session.create_tmp(), "binding.json"))
    session.run("python", "benchmarks/binding.py", "--json", figures)
    session.run("python", "benchmarks/pages.py", figures)

"""The binding holds under load: threads at once, many templates, and the sanitizers' eyes."""

from __future__ import annotations

import gc
import os
import random
import shutil
import subprocess
import time
from pathlib import Path
from typing import Sequence

import pytest
from fake import HERE, INCLUDE, SOURCES, Fake

import drmaa_cffi
from drmaa_cffi import DrmaaException, JobTemplate, Session
from threads import run_in_threads

C_SIDE = sorted(INCLUDE.glob("*.c"))


# AddressSanitizer keeps what was freed for a while.
under_asan = pytest.mark.skipif(
    "asan" in os.environ.get("LD_PRELOAD", ""), reason="the sanitizer keeps freed memory"
)


def resident() -> int:
    """Return this process's memory in KiB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError


def compile_c(target: Path, *flags: object) -> Path:
    """Compile with the C compiler, without the flags of the environment."""
    fixed = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-g"]
    includes = [f"-I{INCLUDE}", f"-I{HERE / 'c'}"]
    libraries = ["-o", str(target), "-ldl", "-lpthread"]
    subprocess.run(
        ["cc", *fixed, *includes, *map(str, flags), *libraries], check=True, timeout=120
    )
    return target


def run_stress(tmp_path: Path, *prefix: str, flags: Sequence[str] = ("-O1",), rounds: int) -> None:
    """Compile the stress program and the fake, and run the one on the other."""
    library = compile_c(tmp_path / "libfake.so", *flags, "-shared", "-fPIC", *SOURCES)
    program = compile_c(tmp_path / "stress", *flags, HERE / "c" / "stress.c", *C_SIDE)
    # Without what the environment asks of sanitizers: Python's leaks are none of C's.
    of_sanitizers = ("LD_PRELOAD", "ASAN_OPTIONS", "LSAN_OPTIONS")
    environment = {name: text for name, text in os.environ.items() if name not in of_sanitizers}
    done = subprocess.run(
        [*prefix, str(program), str(library), "8", str(rounds)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stdout)


def test_c_side(tmp_path: Path) -> None:
    """Threads that make every C call while the session comes and goes do no harm."""
    run_stress(tmp_path, rounds=300)


def test_c_side_without_races(tmp_path: Path) -> None:
    """ThreadSanitizer sees no race in it."""
    # With its addresses at random, the sanitizer finds no room on some kernels.
    run_stress(tmp_path, "setarch", "-R", flags=["-fsanitize=thread"], rounds=100)


def test_c_side_without_leaks(tmp_path: Path) -> None:
    """AddressSanitizer and UBSan see no error in it, and no leak."""
    flags = ["-O1", "-fno-omit-frame-pointer", "-fno-sanitize-recover"]
    run_stress(tmp_path, flags=["-fsanitize=address,undefined", *flags], rounds=100)


@pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind is not installed")
def test_c_side_under_valgrind(tmp_path: Path) -> None:
    """Valgrind sees no error and no leak in it."""
    run_stress(tmp_path, "valgrind", "-q", "--error-exitcode=9", "--leak-check=full", rounds=20)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_many_threads(fake: Fake) -> None:
    """Fifty threads mix every call for a minute: no foreign words, no lost job, no deadlock."""
    end = time.monotonic() + 60
    wrong: list[object] = []
    submitted: list[set[str]] = []
    ended: list[set[str]] = []
    fake.diagnoses(b"no such thing")
    Session.initialize()

    def work(number: int) -> None:
        chance = random.Random(number)
        mine: set[str] = set()
        done: set[str] = set()
        submitted.append(mine)
        ended.append(done)
        while time.monotonic() < end:
            try:
                with Session.createJobTemplate() as template:
                    template.jobName = f"job {number}"
                    template.args = [number] * chance.randrange(20)
                    template.jobEnvironment = {"NUMBER": number}
                    if template.jobName != f"job {number}":
                        wrong.append(template.jobName)
                    job_id = Session.runJob(template)
                    mine.add(job_id)
                    mine.update(Session.runBulkJobs(template, 1, chance.randrange(1, 5), 1))
                Session.control(job_id, "hold")
                Session.jobStatus(job_id)
                try:
                    Session.wait(f"{10**9 + number}", 0)
                except drmaa_cffi.InvalidJobException as error:
                    if str(error) != "code 18: no such job":
                        wrong.append(error)
                for finished in list(mine - done):
                    fake.finish(finished)
                    done.add(Session.wait(finished, 5).jobId)
            except BaseException as error:  # noqa: BLE001
                wrong.append(error)

    run_in_threads(work, ((number,) for number in range(50)), 120)
    assert [] == wrong
    assert set().union(*submitted) == set().union(*ended)


@under_asan
@pytest.mark.slow
def test_many_templates(fake: Fake, session: Session) -> None:
    """100,000 templates, made and dropped in every order, leave no object and no memory."""
    chance = random.Random(1)

    def churn(count: int) -> None:
        held: list[JobTemplate] = []
        for number in range(count):
            template = JobTemplate(jobName="x" * 100, args=["a", "b"])
            if number % 7 == 0:
                template.other = template  # type: ignore[attr-defined]
            elif number % 3 == 0:
                template.delete()
            else:
                held.append(template)
            if number % 11 == 0:
                with pytest.raises(DrmaaException):
                    JobTemplate(jobName="x", args=None)
            if len(held) > 50:
                held.pop(chance.randrange(len(held)))

    churn(10_000)
    gc.collect()
    before = resident()
    churn(90_000)
    gc.collect()
    assert {} == fake.live()
    assert resident() - before < 8 * 1024


@under_asan
def test_memory_of_waits(fake: Fake, session: Session, template: JobTemplate) -> None:
    """Waits, lists and errors leave no memory behind."""
    fake.lists("drmaa_wait", *[b"entry=" + b"x" * 500] * 50)

    def churn(count: int) -> None:
        template.jobEnvironment = {f"NAME{number}": "x" * 200 for number in range(50)}
        for _ in range(count):
            job_id = session.runJob(template)
            fake.finish(job_id)
            session.wait(job_id)
            assert template.jobEnvironment
            with pytest.raises(DrmaaException):
                session.wait(job_id, 0)

    churn(300)
    before = resident()
    churn(1500)
    assert resident() - before < 4 * 1024

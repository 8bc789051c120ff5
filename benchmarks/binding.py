"""Measure what the binding costs beside the ctypes package ``drmaa`` and beside plain C.

Run ``python benchmarks/binding.py`` where drmaa-cffi and drmaa 0.7.9 are installed and a C
compiler is at hand. All three make the same calls on a libdrmaa whose routines do nothing, in one
run; each figure is the median of rounds. In a round every call is made through both packages, one
after the other, so that what else the machine does meets all of them; the spread is that of the
middle half of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, NamedTuple

HERE = Path(__file__).parent
C_SIDE = HERE.parent / "src" / "drmaa_cffi" / "_binding" / "_c"
IDS = [f"1234567.{index}" for index in range(10_000)]
ARGS = [f"argument {index}" for index in range(10)]
ENVIRONMENT = {f"VARIABLE_{index}": "some value " * 3 for index in range(100)}
ROUNDS = 15
THREADS_TARGET, IMPORT_TARGET, MEMORY_TARGET = 7.0, 1.5, 3.0
# The first words of a line of the table, how often a round makes the call, and the least ratio.
OPERATIONS = {
    "wait": (2000, 4.0),
    "runBulkJobs of 10,000": (3, 8.0),
    "synchronize of 10,000 ids": (10, 8.0),
    "jobEnvironment of 100": (500, 2.0),
    "args of 10": (3000, 1.5),
    "attribute read": (5000, 1.5),
    "attribute write": (5000, 1.2),
    "runJob": (5000, 1.5),
    "jobStatus": (5000, 1.5),
    "template, 5 attributes, run": (1000, 1.5),
}


class Row(NamedTuple):
    """A line of the table: microseconds a call, and ratios."""

    operation: str
    drmaa: float
    drmaa_cffi: float
    c: float
    ratio: float
    #: The quarter of the rounds that was worst for us begins here, the best one here.
    low: float
    high: float
    target: float


def machine() -> str:
    """Return what the figures were measured on."""
    return f"{platform.machine()}, {os.cpu_count()} processors, {platform.system()}"


def compile_c(target: Path, *arguments: object) -> Path:
    """Compile a C program or library."""
    flags = ["-std=gnu11", "-O2", f"-I{C_SIDE}", *map(str, arguments), "-o", str(target), "-ldl"]
    subprocess.run(["cc", *flags], check=True)
    return target


def operations(package: ModuleType) -> dict[str, Callable[[], object]]:
    """Return the calls to measure, made through *package*, by their names in OPERATIONS."""
    session = package.Session()
    template = session.createJobTemplate()
    template.jobName = "a name"

    def write_environment() -> None:
        template.jobEnvironment = ENVIRONMENT

    def write_args() -> None:
        template.args = ARGS

    def write() -> None:
        template.jobName = "a name"

    def whole_template() -> None:
        made = session.createJobTemplate()
        made.remoteCommand = "/bin/true"
        made.args = ARGS
        made.jobName = "name"
        made.workingDirectory = "/tmp"
        made.joinFiles = True
        session.runJob(made)
        session.deleteJobTemplate(made)

    calls = (
        lambda: session.wait("1234567"),
        lambda: session.runBulkJobs(template, 1, len(IDS), 1),
        lambda: session.synchronize(IDS),
        write_environment,
        write_args,
        lambda: template.jobName,
        write,
        lambda: session.runJob(template),
        lambda: session.jobStatus("1234567"),
        whole_template,
    )
    return dict(zip(OPERATIONS, calls))


def microseconds(call: Callable[[], object], times: int) -> float:
    """Return the time of a call, the mean of a round."""
    begin = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - begin) / times * 1e6


def in_c(library: Path, folder: Path) -> dict[str, float]:
    """Return what the calls cost in C."""
    program = compile_c(folder / "plain", HERE / "c" / "plain.c", C_SIDE / "library.c")
    out = subprocess.run([program, library], check=True, stdout=subprocess.PIPE, text=True).stdout
    pairs = (line.split("\t") for line in out.splitlines())
    return {name: float(value) for name, value in pairs}


def table(library: Path, folder: Path, *, quick: bool) -> list[Row]:
    """Measure every operation."""
    import drmaa  # noqa: PLC0415 - it looks for its library at import

    import drmaa_cffi  # noqa: PLC0415

    for package in (drmaa, drmaa_cffi):
        package.Session.initialize()
    c = in_c(library, folder)
    theirs, ours = operations(drmaa), operations(drmaa_cffi)
    rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in OPERATIONS}
    for _ in range(ROUNDS):
        for name, (full, _) in OPERATIONS.items():
            times = 1 if quick else full
            pair = microseconds(theirs[name], times), microseconds(ours[name], times)
            rounds[name].append(pair)
    rows = []
    for name, (_, target) in OPERATIONS.items():
        ratios = [one / other for one, other in rounds[name]]
        low, median, high = statistics.quantiles(ratios, n=4)
        rows.append(
            Row(
                name,
                statistics.median(one for one, _ in rounds[name]),
                statistics.median(other for _, other in rounds[name]),
                c[name],
                median,
                low,
                high,
                target,
            )
        )
    return rows


def threads(library: Path, *, quick: bool) -> dict[str, float]:
    """Return how many times faster 8 threads ask a library that takes 1 ms than one does."""
    program = """
import sys, threading, time, drmaa_cffi
each = int(sys.argv[1])
drmaa_cffi.Session.initialize()
def ask(times):
    for _ in range(times): drmaa_cffi.Session.jobStatus("1234567")
def run(count):
    begin = time.perf_counter()
    workers = [threading.Thread(target=ask, args=(each,)) for _ in range(count)]
    for worker in workers: worker.start()
    for worker in workers: worker.join()
    return count * each / (time.perf_counter() - begin)
print(run(8) / run(1))
"""
    environment = {**os.environ, "DRMAA_LIBRARY_PATH": str(library), "NOOP_DELAY_US": "1000"}
    out = subprocess.run(
        [sys.executable, "-c", program, "5" if quick else "500"],
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    return {"8 threads to 1": float(out), "target": THREADS_TARGET}


def peak_memory() -> int:
    """Return the most memory this process has had, in bytes, and begin anew."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def scaling(*, quick: bool) -> list[dict[str, float]]:
    """Submit and synchronize up to 1,000,000 tasks: seconds, and memory to that of the ids."""
    from drmaa_cffi import Session  # noqa: PLC0415

    rows = []
    with Session.createJobTemplate() as template:
        for count in (1000,) if quick else (10_000, 100_000, 1_000_000):
            peak_memory()
            before = peak_memory()
            begin = time.perf_counter()
            ids = Session.runBulkJobs(template, 1, count, 1)
            submitted = time.perf_counter()
            Session.synchronize(ids)
            done = time.perf_counter()
            size = sys.getsizeof(ids) + sum(map(sys.getsizeof, ids))
            row = {
                "tasks": count,
                "runBulkJobs s": submitted - begin,
                "synchronize s": done - submitted,
                "peak memory / ids": (peak_memory() - before) / size,
            }
            rows.append(row)
            del ids
    return rows


def import_time(package: str, library: Path) -> float:
    """Return the milliseconds of an import."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import {package}"],
        env={**os.environ, "DRMAA_LIBRARY_PATH": str(library)},
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    match = re.search(rf"\|\s+(\d+) \| {package}$", done.stderr, re.MULTILINE)
    return int(match.group(1)) / 1000 if match else float("nan")


def imports(library: Path, *, quick: bool) -> dict[str, float]:
    """Return the milliseconds of both imports and our share of theirs, medians of turns."""
    rounds = [
        (import_time("drmaa", library), import_time("drmaa_cffi", library))
        for _ in range(1 if quick else 15)
    ]
    return {
        "drmaa ms": statistics.median(theirs for theirs, _ in rounds),
        "drmaa_cffi ms": statistics.median(ours for _, ours in rounds),
        "ratio": statistics.median(ours / theirs for theirs, ours in rounds),
        "target": IMPORT_TARGET,
    }


def measure(*, quick: bool = False) -> dict[str, Any]:
    """Measure everything; quickly, to see that it works, not how long it takes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = HERE / "c" / "noop_drmaa.c"
        library = compile_c(folder / "libdrmaa.so", "-shared", "-fPIC", source)
        os.environ["DRMAA_LIBRARY_PATH"] = str(library)
        rows = table(library, folder, quick=quick)
        return {
            "python": platform.python_version(),
            "machine": machine(),
            "operations": [row._asdict() for row in rows],
            "threads": threads(library, quick=quick),
            "scaling": scaling(quick=quick),
            "import": imports(library, quick=quick),
        }


def show(found: dict[str, Any]) -> None:
    """Print the figures as tables."""
    print(f"Python {found['python']}, {found['machine']}; microseconds a call\n")
    print(f"{'':28} {'drmaa':>9} {'drmaa_cffi':>11} {'C':>9}   ratio       spread  target")
    for row in found["operations"]:
        print(
            f"{row['operation']:28} {row['drmaa']:9.2f} {row['drmaa_cffi']:11.2f} "
            f"{row['c']:9.3f} {row['ratio']:7.2f} {row['low']:5.2f}-{row['high']:5.2f} "
            f"{row['target']:7.1f}"
        )
    threads_ = found["threads"]
    print(f"\n8 threads to 1, with a library of 1 ms: {threads_['8 threads to 1']:.2f}")
    print(f"  target: at least {threads_['target']:.1f}")
    for row in found["scaling"]:
        print(", ".join(f"{name} {value:.4g}" for name, value in row.items()))
    print(f"  target: time and memory in step with the tasks, memory at most {MEMORY_TARGET:.1f}")
    imports_ = found["import"]
    theirs, ours = imports_["drmaa ms"], imports_["drmaa_cffi ms"]
    print(
        f"import: drmaa {theirs:.1f} ms, drmaa_cffi {ours:.1f} ms, ratio {imports_['ratio']:.2f}"
    )
    print(f"  target: ratio at most {imports_['target']:.1f}, both installed from a wheel")


def main() -> None:
    """Measure, print, and write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    parser.add_argument("--quick", action="store_true", help="see that it works; no figures")
    arguments = parser.parse_args()
    found = measure(quick=arguments.quick)
    show(found)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

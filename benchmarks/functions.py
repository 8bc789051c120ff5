"""Measure how many calls of Python functions run as jobs in a second, here and by submitit.

Run ``python benchmarks/functions.py`` where drmaa-cffi[functions] and submitit are installed. The
function returns at once. All ways run on this machine, in turns: submitit by its executor for one
machine, FunctionExecutor on the local engine. With ``--slurm`` both use Slurm by its commands, and
clusterfutures, too, where that is installed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Optional, Tuple

from binding import machine

CALLS = 100
ROUNDS = 5
LEAST_RATIO = 10
Row = Tuple[str, Optional[float], str]


def add(one: int, other: int) -> int:
    """Return at once."""
    return one + other


def by_submitit(folder: Path, *, on_slurm: bool) -> Callable[[int], int]:
    """Return what calls the function by submitit, a process each."""
    import submitit  # noqa: PLC0415

    executor = submitit.AutoExecutor(folder=folder, cluster="slurm" if on_slurm else "local")
    executor.update_parameters(timeout_min=5)

    def run(count: int) -> int:
        jobs = [executor.submit(add, number, 1) for number in range(count)]
        return sum(job.result() for job in jobs)

    return run


def by_clusterfutures(folder: Path) -> Callable[[int], int]:
    """Return what calls the function by clusterfutures, a job of Slurm's each."""
    import cfut  # noqa: PLC0415

    folder.mkdir()
    os.chdir(folder)

    def run(count: int) -> int:
        with cfut.SlurmExecutor() as executor:
            return sum(executor.map(add, range(count), [1] * count))

    return run


def measure(count: int, rounds: int, folder: Path, *, on_slurm: bool) -> list[Row]:
    """Return the rates of all ways."""
    from drmaa_cffi.functions import FunctionExecutor  # noqa: PLC0415

    def submitted(count: int) -> int:
        futures = [executor.submit(add, number, 1) for number in range(count)]
        return sum(future.result() for future in futures)

    def mapped(count: int) -> int:
        return sum(executor.map(add, range(count), [1] * count))

    def in_chunks(count: int) -> int:
        return sum(executor.map(add, range(count), [1] * count, chunksize=10))

    ways: dict[str, Any] = {
        "by submit()": submitted,
        "by map(), one bulk job": mapped,
        "by map(), ten calls a job": in_chunks,
    }
    try:
        others = by_submitit(folder / "submitit", on_slurm=on_slurm)
    except ImportError:
        others = None
    if on_slurm:
        with suppress(ImportError):
            ways["by clusterfutures' map()"] = by_clusterfutures(folder / "clusterfutures")
    found: dict[str, list[float]] = {way: [] for way in ways}
    ratios: list[float] = []
    theirs: list[float] = []
    with FunctionExecutor(folder=folder / "calls") as executor:
        for _ in range(rounds):
            for way, run in ways.items():
                found[way].append(rate(run, count))
            if others is not None:
                theirs.append(rate(others, count))
                ratios.append(found["by submit()"][-1] / theirs[-1])
    rows: list[Row] = [
        (f"{count} calls {way}", statistics.median(rates), "/s") for way, rates in found.items()
    ]
    rows.append(
        ("the same by submitit's submit()", statistics.median(theirs) if theirs else None, "/s")
    )
    ratio = statistics.median(ratios) if ratios else None
    least = "" if on_slurm else f" (at least {LEAST_RATIO})"
    rows.append((f"submit() to submitit's{least}", ratio, "x"))
    return rows


def rate(run: Callable[[int], int], count: int) -> float:
    """Return how many calls a second *run* makes; it must bring all results."""
    begin = time.perf_counter()
    assert count * (count + 1) // 2 == run(count)
    return count / (time.perf_counter() - begin)


def main() -> None:
    """Measure, print, and write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    parser.add_argument("--slurm", action="store_true", help="on Slurm, by its commands")
    parser.add_argument("--quick", action="store_true", help="see that it works; no figures")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        engine = "slurm" if arguments.slurm else "local"
        os.environ[f"DRMAA_{engine.upper()}_HOME"] = str(folder / "engine")
        os.environ["DRMAA_LIBRARY_PATH"] = engine
        count, rounds = (4, 1) if arguments.quick else (CALLS, 1 if arguments.slurm else ROUNDS)
        try:
            rows = measure(count, rounds, folder, on_slurm=arguments.slurm)
        finally:
            stop = [sys.executable, "-m", f"drmaa_cffi.{engine}", "stop", "--terminate"]
            subprocess.run(stop, check=True, timeout=60)
    for what, value, unit in rows:
        print(f"{'not installed' if value is None else f'{value:10.2f} {unit:3}'} {what}")
    if arguments.json:
        found = {
            "functions": True,
            "rows": rows,
            "python": platform.python_version(),
            "machine": machine(),
        }
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""The benchmark of the binding works, and so does what makes a page of it; how fast is no test."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def written(found: dict[str, Any], folder: Path, name: str) -> str:
    """Return an empty page after the figures were written into it."""
    page = folder / "speed.md"
    page.write_text(f"before\n<!-- {name} -->\n<!-- end of {name} -->\nafter\n", encoding="utf-8")
    runpy.run_path(str(BENCHMARKS / "pages.py"))["write"](found, folder)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    return text


def test_the_benchmark_measures_every_operation_and_its_page_shows_them(tmp_path: Path) -> None:
    """It runs as a process of its own, since it has a libdrmaa of its own."""
    figures = tmp_path / "figures.json"
    said = subprocess.run(
        [sys.executable, BENCHMARKS / "binding.py", "--quick", "--json", figures],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    ).stdout
    # Beside the table's own column: threads, growth, import.
    assert 3 == said.count("\n  target: ")
    found = json.loads(figures.read_text(encoding="utf-8"))
    assert 10 == len(found["operations"])

    table = written(found, tmp_path, "binding")
    chart = ET.parse(tmp_path / "speed.svg")  # it is well-formed
    texts = {element.text for element in chart.iter("{http://www.w3.org/2000/svg}text")}
    for row in found["operations"]:
        assert f"| {row['operation']} |" in table
        assert row["operation"] in texts
    for row in found["scaling"]:
        assert f"\n| {row['tasks']:,} | " in table


def test_futures_are_measured_and_shown(tmp_path: Path) -> None:
    """The benchmark of futures runs both of its parts, and the page shows its figures."""
    figures = tmp_path / "figures.json"
    command = [sys.executable, BENCHMARKS / "futures.py", "--quick", "--json", figures]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=120)
    found = json.loads(figures.read_text(encoding="utf-8"))
    table = written(found, tmp_path, "futures")
    assert 6 == len(found["rows"]) == sum(f"| {row[0]} |" in table for row in found["rows"])
    by_plain, by_futures, added = (row[1] for row in found["rows"][:3])
    assert added == by_futures - by_plain  # of few jobs, once: it may well be below zero
    assert all(row[1] > 0 for row in found["rows"] if row[1] != added)


def test_functions_are_measured_and_shown(tmp_path: Path) -> None:
    """The benchmark of functions runs all ways there are, and the page shows its figures."""
    figures = tmp_path / "figures.json"
    command = [sys.executable, BENCHMARKS / "functions.py", "--quick", "--json", figures]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=120)
    found = json.loads(figures.read_text(encoding="utf-8"))
    table = written(found, tmp_path, "functions")
    rows = found["rows"]
    assert 5 == len(rows) == sum(f"| {row[0]} |" in table for row in rows)
    assert all(value > 0 for _, value, _ in rows if value is not None)

"""Write the tables and the charts of docs/explanation/speed.md from what a benchmark found.

``python benchmarks/pages.py FIGURES.json...``: each file is what ``--json`` of binding.py,
functions.py, futures.py, gridengine.py, local_engine.py or slurm.py wrote. Each table goes between
its two comments on the page; a chart shows binding.py's, another what local_engine.py's jobs take.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Optional
from xml.sax.saxutils import escape

DOCS = Path(__file__).parent.parent / "docs" / "explanation"
# The chart's colours change with the reader's, its ground with them.
STYLE = """
  svg { font: 13px system-ui, sans-serif; --ground: #fff; --text: #1f2328; --dim: #59636e;
        --theirs: #d1d9e0; --ours: #0969da; --c: #9a6700; --client: #1a7f37; }
  @media (prefers-color-scheme: dark) {
    svg { --ground: #151b23; --text: #f0f6fc; --dim: #9198a1;
          --theirs: #3d444d; --ours: #4493f8; --c: #e3b341; --client: #3fb950; }
  }
  .ground { fill: var(--ground); } .theirs { fill: var(--theirs); }
  .ours { fill: var(--ours); } .c { fill: var(--c); } .client { fill: var(--client); }
  text { fill: var(--text); } .dim { fill: var(--dim); } .number { text-anchor: end; }
"""
WIDTH, LEFT, BAR, LINE = 760, 210, 330, 30


def figure(value: float) -> str:
    """Return a number with about three digits that count, without an exponent."""
    if value >= 100 or isinstance(value, int):  # noqa: PLR2004
        return f"{value:,.0f}"
    if value >= 10:  # noqa: PLR2004
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"  # noqa: PLR2004


def markdown(head: list[str], lines: list[list[str]]) -> str:
    """Return a table; all columns but the first are numbers."""
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "".join(f"| {' | '.join(line)} |\n" for line in [head, rule, *lines])


def binding_table(found: dict[str, Any]) -> str:
    """Return what the calls cost on a library that does nothing."""
    lines = [
        [
            row["operation"],
            figure(row["drmaa"]),
            figure(row["drmaa_cffi"]),
            figure(row["c"]),
            f"{row['ratio']:.1f} x",
            f"{row['low']:.1f} to {row['high']:.1f}",
        ]
        for row in found["operations"]
    ]
    imports = found["import"]
    sizes = [
        [
            f"{row['tasks']:,}",
            f"{row['runBulkJobs s'] * 1e6 / row['tasks']:.2f}",
            f"{row['synchronize s'] * 1e6 / row['tasks']:.3f}",
            f"{row['peak memory / ids']:.2f}",
        ]
        for row in found["scaling"]
    ]
    return (
        markdown(
            ["Microseconds a call", "drmaa", "drmaa_cffi", "C", "faster", "in half of all rounds"],
            lines,
        )
        + f"\nCPython {found['python']}, {found['machine']}.\n\n"
        + f"- 8 threads that ask a library that takes 1 ms: "
        f"{found['threads']['8 threads to 1']:.1f} times one thread.\n"
        f"- Import: {imports['drmaa_cffi ms']:.0f} ms, {imports['ratio']:.2f} times drmaa's; both "
        "installed from a wheel.\n\nTime and memory grow in step with the number of ids:\n\n"
        + markdown(
            ["Ids", "µs an id from runBulkJobs", "µs into synchronize", "Peak memory to the ids'"],
            sizes,
        )
    )


def gridengine_table(found: dict[str, Any]) -> str:
    """Return what the calls take on a Grid Engine."""

    def cells(row: dict[str, Any]) -> list[str]:
        values: list[Optional[float]] = [
            row["seconds"].get(name) for name in ("drmaa", "drmaa_cffi", "C", "command")
        ]
        words = ["" if value is None else figure(value * 1e3) for value in values]
        ratios = [row["ratios"].get(name) for name in ("C", "command")]
        return words + ["" if ratio is None else f"{ratio:.2f} x" for ratio in ratios]

    head = ["Milliseconds a call", "drmaa", "drmaa_cffi", "C", "command", "to C", "to the command"]
    lines = [[row["operation"], *cells(row)] for row in found["operations"]]
    return markdown(head, lines) + (
        f"\n{found['drm']} on one node, CPython {found['python']}, {found['machine']}.\n"
    )


def rows_table(head: str, found: dict[str, Any]) -> str:
    """Return a table of figures with a unit each."""
    lines = [
        [what, "not installed" if value is None else f"{figure(value)} {unit}".rstrip()]
        for what, value, unit in found["rows"]
    ]
    drm = f"Slurm {found['slurm']} on one node, " if "slurm" in found else ""
    note = f"\n{drm}CPython {found['python']}, {found['machine']}.\n"
    return markdown([head, ""], lines) + note


def chart(found: dict[str, Any]) -> str:
    """Return an SVG: for each operation, the time of drmaa_cffi and of C beside drmaa's."""
    rows = found["operations"]
    height = LINE * (len(rows) + 2) + 14
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>The time of a call: drmaa_cffi and C beside drmaa</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}" rx="8"/>',
    ]
    x = LEFT
    for name, words in (("theirs", "drmaa"), ("ours", "drmaa_cffi"), ("c", "C")):
        out.append(f'<rect class="{name}" x="{x}" y="14" width="12" height="12" rx="2"/>')
        out.append(f'<text x="{x + 18}" y="25">{words}</text>')
        x += 120
    out.append(f'<text class="dim number" x="{WIDTH - 16}" y="25">microseconds a call</text>')
    for number, row in enumerate(rows):
        y = LINE * (number + 1) + 10
        ours = max(1.0, BAR * row["drmaa_cffi"] / row["drmaa"])
        c = BAR * row["c"] / row["drmaa"]
        words = f"{figure(row['drmaa'])} → {figure(row['drmaa_cffi'])}"
        out += [
            f'<text class="number" x="{LEFT - 12}" y="{y + 17}">{escape(row["operation"])}</text>',
            f'<rect class="theirs" x="{LEFT}" y="{y + 3}" width="{BAR}" height="20" rx="2"/>',
            f'<rect class="ours" x="{LEFT}" y="{y + 3}" width="{ours:.1f}" height="20" rx="2"/>',
            f'<rect class="c" x="{LEFT + c:.1f}" y="{y}" width="3" height="26"/>',
            f'<text x="{LEFT + BAR + 12}" y="{y + 17}">{row["ratio"]:.1f} x</text>',
            f'<text class="dim number" x="{WIDTH - 16}" y="{y + 17}">{words}</text>',
        ]
    words = "Full width: the time of drmaa. Every row is to its own scale."
    out.append(f'<text class="dim" x="{LEFT}" y="{height - 14}">{words}</text>')
    return "\n".join([*out, "</svg>\n"])


# Who takes the processors, from left to right, with the class of the colour.
SHARES = {"job": "theirs", "runner": "c", "engine": "ours", "client": "client"}
SHARE_WORDS = {
    "job": "the job itself",
    "runner": "runner",
    "engine": "engine",
    "client": "program",
}


def shares_chart(found: dict[str, Any]) -> str:
    """Return an SVG: what a job takes of the processors, by each way to run it, and whose."""
    ways: dict[str, dict[str, float]] = found["shares"]
    # What xargs and its jobs take is what a job itself takes, by whomever it is started.
    job = ways["xargs"]["job"]
    most = max(sum(way.values()) for way in ways.values()) + job
    height = LINE * (len(ways) + 2) + 14
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>Processor time of a job on the local engine, and whose it is</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}" rx="8"/>',
    ]
    x = LEFT
    for name, words in SHARE_WORDS.items():
        style = SHARES[name]
        out.append(f'<rect class="{style}" x="{x}" y="14" width="12" height="12" rx="2"/>')
        out.append(f'<text x="{x + 18}" y="25">{words}</text>')
        x += 112
    for number, (words, way) in enumerate(ways.items()):
        y, x = LINE * (number + 1) + 10, float(LEFT)
        parts = {**way, "job": job}
        out.append(f'<text class="number" x="{LEFT - 12}" y="{y + 17}">{escape(words)}</text>')
        for name, style in SHARES.items():
            width = parts.get(name, 0) * (WIDTH - LEFT - 110) / most
            out.append(
                f'<rect class="{style}" x="{x:.1f}" y="{y + 3}" width="{width:.1f}" height="20"/>'
            )
            x += width
        total = f"{sum(parts.values()):.2f} ms"
        out.append(f'<text class="dim number" x="{WIDTH - 16}" y="{y + 17}">{total}</text>')
    words = "Milliseconds of processor time a job, all processes together."
    out.append(f'<text class="dim" x="{LEFT}" y="{height - 14}">{words}</text>')
    return "\n".join([*out, "</svg>\n"])


def write(found: dict[str, Any], folder: Path) -> None:
    """Write what the page shows of a benchmark's figures."""
    if "drm" in found:
        name, table = "gridengine", gridengine_table(found)
    elif "engine" in found:
        name, table = "local-engine", rows_table("The local engine", found)
        (folder / "local-engine-shares.svg").write_text(shares_chart(found), encoding="utf-8")
    elif "futures" in found:
        name, table = "futures", rows_table("Futures", found)
    elif "slurm" in found:
        name, table = "slurm", rows_table("On a Slurm", found)
    elif "functions" in found:
        name, table = "functions", rows_table("Python functions", found)
    else:
        name, table = "binding", binding_table(found)
        (folder / "speed.svg").write_text(chart(found), encoding="utf-8")
    page = folder / "speed.md"
    before, begin, rest = page.read_text(encoding="utf-8").partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- end of {name} -->\n")
    if not end:
        sys.exit(f"{page}: there are no comments <!-- {name} --> and <!-- end of {name} -->")
    page.write_text(f"{before}{begin}\n{table}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        write(json.loads(Path(argument).read_text(encoding="utf-8")), DOCS)

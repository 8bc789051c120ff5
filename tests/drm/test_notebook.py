"""The example notebook runs, and shows its bar."""

from __future__ import annotations

from pathlib import Path

import nbclient
import nbformat
import pytest

NOTEBOOK = Path(__file__).parents[2] / "examples" / "functions.ipynb"


def test_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each cell runs in a kernel, and its bar has come to the end."""
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=150, resources=resources).execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    shown = "".join(str(out.get("data", {}).get("text/html", "")) for out in outputs)
    said = "".join(out.get("text", "") for out in outputs if out.output_type == "stream")
    assert "throwing" in shown
    assert "8/8" in shown
    assert "pi is about 3.1" in said
    assert "exited with 0" in said

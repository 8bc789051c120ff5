"""What the documentation says of Grid Engine's library is what the library says."""

from __future__ import annotations

from pathlib import Path

from drmaa_cffi import Session, binding

REPORT = Path(__file__).parents[2] / "docs" / "howto" / "report.txt"


def test_attributes_in_the_report() -> None:
    """The report that the documentation shows names the attributes that the library has."""
    shown = {word for word in REPORT.read_text().split() if word.startswith("drmaa_")}
    with Session():
        scalars, vectors = binding.get_attribute_names(), binding.get_vector_attribute_names()
    assert shown == {*scalars, *vectors}

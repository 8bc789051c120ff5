"""What the documentation says of Grid Engine's library is what the library says."""

from __future__ import annotations

from pathlib import Path

from drmaa_cffi import Session
from drmaa_cffi._binding import calls

REPORT = Path(__file__).parents[2] / "docs" / "howto" / "report.txt"


def test_attributes_in_the_report() -> None:
    """The report that the documentation shows names the attributes that the library has."""
    shown = {word for word in REPORT.read_text().split() if word.startswith("drmaa_")}
    with Session():
        scalars, vectors = calls.get_attribute_names(), calls.get_vector_attribute_names()
    assert shown == {*scalars, *vectors}

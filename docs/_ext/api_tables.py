"""Tables and types made from the package when its documentation is built: they cannot lag.

Directives: ``exceptions-table``, ``attributes-table``, ``drm-attributes-table``,
``constants-table``, ``resources-table``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Sequence

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

import drmaa_cffi
from drmaa_cffi import const, errors
from drmaa_cffi._template import drms
from drmaa_cffi._template.attributes import PathAttribute
from drmaa_cffi._template.times import TimeConverter
from drmaa_cffi.helpers import (
    Attribute,
    BoolConverter,
    DictAttribute,
    IntConverter,
    VectorAttribute,
)

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def text(words: str) -> nodes.Node:
    """Return plain words."""
    return nodes.Text(words)


def code(words: str) -> nodes.Node:
    """Return words in the typewriter's letters."""
    return nodes.literal(words, words)


def link(kind: str, target: str) -> nodes.Node:
    """Return a link to *target* in the package, named as it is."""
    name = target.rpartition(".")[2]
    return addnodes.pending_xref(
        "",
        nodes.literal(name, name),
        refdomain="py",
        reftype=kind,
        reftarget=f"drmaa_cffi.{target}",
        refexplicit=True,
        refwarn=True,
    )


class Table(SphinxDirective):
    """A table with a row for each of rows()."""

    columns: ClassVar[dict[str, int]]

    def rows(self) -> Sequence[Sequence[nodes.Node]]:
        """Return the cells of each row."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        group = nodes.tgroup(cols=len(self.columns))
        group += [nodes.colspec(colwidth=width) for width in self.columns.values()]
        group += nodes.thead("", self._row([text(name) for name in self.columns]))
        group += nodes.tbody("", *[self._row(cells) for cells in self.rows()])
        return [nodes.table("", group, classes=["colwidths-given"])]

    @staticmethod
    def _row(cells: Sequence[nodes.Node]) -> nodes.row:
        entries = [nodes.entry("", nodes.paragraph("", "", cell)) for cell in cells]
        return nodes.row("", *entries)


class Exceptions(Table):
    """All exception classes: first those with a code, in its order."""

    columns: ClassVar[dict[str, int]] = {"Code": 6, "Class": 34, "Meaning": 30, "Remedy": 30}

    def rows(self) -> Sequence[Sequence[nodes.Node]]:
        """Return a row for each class."""
        classes = [
            value
            for value in vars(errors).values()
            if isinstance(value, type) and issubclass(value, errors.DrmaaException)
        ]
        classes.sort(key=lambda cls: (cls.code is None, cls.code))
        return [
            (
                text("" if cls.code is None else str(cls.code)),
                link("exc", cls.__name__),
                text(cls.meaning),
                text(cls.remedy),
            )
            for cls in classes
        ]


class Attributes(Table):
    """All attributes of job templates, with their names in C."""

    columns: ClassVar[dict[str, int]] = {"Attribute": 30, "In C": 35, "Set to": 35}

    def rows(self) -> Sequence[Sequence[nodes.Node]]:
        """Return a row for each attribute."""
        kinds = (Attribute, VectorAttribute, DictAttribute)
        return [
            (
                link("attr", f"JobTemplate.{name}"),
                code(getattr(value, "name", "")),
                text(self.kind(value)),
            )
            for name, value in vars(drmaa_cffi.JobTemplate).items()
            if isinstance(value, kinds)
        ]

    @staticmethod
    def kind(attribute: Attribute | VectorAttribute | DictAttribute) -> str:
        """Return what the attribute takes, and what it gives if that is another thing."""
        if isinstance(attribute, VectorAttribute):
            return "a list of text, numbers or paths; or one text"
        if isinstance(attribute, DictAttribute):
            return "a dict, os.environ, or anything with items()"
        if isinstance(attribute.converter, BoolConverter):
            return "any truth value; reads as a bool"
        if isinstance(attribute, PathAttribute):
            return "[host]:path text, or a path"
        words = {
            TimeConverter: "a time of day as text, with a date or an offset from UTC",
            IntConverter: "seconds, a timedelta, or [[h:]m:]s text; reads as seconds",
        }
        return words.get(attribute.converter, "text, a number or a path")


# What a Grid Engine's library said of itself; a test compares it with the library.
GRID_ENGINE_REPORT = Path(__file__).parents[1] / "howto" / "report.txt"
ASK = """
from drmaa_cffi import Session
from drmaa_cffi._binding import calls
with Session():
    print(*calls.get_attribute_names(), *calls.get_vector_attribute_names())
"""


def local_names() -> set[str]:
    """Return the names of attributes that the local engine's library knows."""
    with tempfile.TemporaryDirectory() as home:
        engine = {"DRMAA_LIBRARY_PATH": "local", "DRMAA_LOCAL_HOME": f"{home}/engine"}
        environment = {**os.environ, **engine}
        answer = subprocess.check_output([sys.executable, "-c", ASK], env=environment, text=True)
        stop = [sys.executable, "-m", "drmaa_cffi.local", "stop"]
        subprocess.run(stop, env=environment, check=True)
    return set(answer.split())


def grid_engine_names() -> set[str]:
    """Return the names of attributes in the report of a Grid Engine's library."""
    words = GRID_ENGINE_REPORT.read_text(encoding="utf-8").split()
    return {word for word in words if word.startswith("drmaa_")}


class DrmAttributes(Table):
    """The attributes that the libraries at hand know."""

    columns: ClassVar[dict[str, int]] = {"In C": 50, "Grid Engine 8.1.9": 25, "Local engine": 25}

    def rows(self) -> Sequence[Sequence[nodes.Node]]:
        """Return a row for each attribute of the standard's, then one for each that is not."""
        grid_engine, local = grid_engine_names(), local_names()
        kinds = (Attribute, VectorAttribute, DictAttribute)
        members = vars(drmaa_cffi.JobTemplate).values()
        standard = [getattr(value, "name", "") for value in members if isinstance(value, kinds)]
        others = sorted((grid_engine | local) - set(standard))
        return [
            (
                code(name),
                *(text("yes" if name in names else "no") for names in (grid_engine, local)),
            )
            for name in (*standard, *others)
        ]


class Constants(Table):
    """All numbers and words that have a name."""

    columns: ClassVar[dict[str, int]] = {"Name": 50, "Value": 50}

    def rows(self) -> Sequence[Sequence[nodes.Node]]:
        """Return a row for each constant of the package."""
        return [
            (code(name), code(repr(getattr(drmaa_cffi, name))))
            for name in vars(const)
            if name.isupper() and name in drmaa_cffi.__all__
        ]


class Resources(Table):
    """What each DRM calls each of a job's resources."""

    columns: ClassVar[dict[str, int]] = {"DRM, section": 20, "Resource": 15, "Words": 65}

    def rows(self) -> Sequence[Sequence[nodes.Node]]:
        """Return a row for each resource of each DRM."""
        return [
            (
                text(f"{drm.name}, [{drm.section}]" if field == drms.FIELDS[0] else ""),
                code(field),
                code(drm.words[field]) if field in drm.words else text("none: it is refused"),
            )
            for drm in drms.DRMS
            for field in drms.FIELDS
        ]


def show_answers(_app: Sphinx, doctree: nodes.document) -> None:
    """Show the type that Session.contact and its like have for users, not their descriptor's."""
    for annotation in doctree.findall(addnodes.desc_annotation):
        for place, node in enumerate(annotation):
            if isinstance(node, addnodes.pending_xref) and "_Inquiry" in node["reftarget"]:
                # _Inquiry[str] -> str
                del annotation[place : place + 2], annotation[-1]
                break


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.connect("doctree-read", show_answers)
    app.add_directive("exceptions-table", Exceptions)
    app.add_directive("attributes-table", Attributes)
    app.add_directive("drm-attributes-table", DrmAttributes)
    app.add_directive("constants-table", Constants)
    app.add_directive("resources-table", Resources)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

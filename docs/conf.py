"""Sphinx's configuration."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import drmaa_cffi

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

# Autodoc reads Session.contact and its like: they must not look for a libdrmaa on this machine.
os.environ["DRMAA_LIBRARY_PATH"] = ""

project = "drmaa-cffi"
author = "The drmaa-cffi developers"
copyright = author
release = drmaa_cffi.__version__
version = ".".join(release.split(".")[:2])

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "api_tables",
    "command_line",
    "promises",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"drmaa-cffi {version}"
html_static_path = ["_static"]
html_favicon = "_static/favicon.svg"
html_css_files = ["custom.css"]

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "exclude-members": "__init__, __new__"}
napoleon_google_docstring = True
napoleon_numpy_docstring = False

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3
copybutton_exclude = ".linenos, .gp, .go"

# What other projects document; their inventories would have to be fetched.
nitpick_ignore_regex = [
    ("py:class", r"drmaa_cffi\.[\w.]+\.[A-Z]"),  # type variables
    ("py:exc", r"pickle\.PicklingError"),
    ("py:.*", r"(datetime\.)?(datetime|timedelta)"),
    ("py:.*", r"(os\.)?PathLike"),
    ("py:.*", r"(pathlib\.)?Path"),
    ("py:.*", r"concurrent\.futures\..*"),
    # The package's own, which users need no name for.
    ("py:class", r"OnStatus|Change"),
    ("py:class", r"drmaa_cffi\._template\.attributes\..*"),
    ("py:class", r"drmaa_cffi\._template\.native\.NativeAttribute"),
    ("py:class", r"drmaa_cffi\._binding\.inquiries\.Inquiry"),
]
# Signatures say Session for two classes, of which they can mean but one.
suppress_warnings = ["ref.python"]

# Of links, only those within the documentation are checked: builds need no network.
linkcheck_ignore = ["https?://.*"]

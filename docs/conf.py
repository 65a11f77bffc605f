"""How Sphinx makes pages for a browser of the Markdown in this repository.

The source directory is the whole repository, so that the links between its pages are the same on
GitHub, in an editor and in what is built. `docs/contributing.md` says how to build.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
TOP = HERE.parent
PLACES = ("docs", "examples")
sys.path.insert(0, str(HERE / "_extension"))

project = "gplmt"
author = "The gplmt developers"
extensions = ["myst_parser", "contents", "xml_pages"]
root_doc = "docs/index"
include_patterns = [
    "README.md",
    "CHANGELOG.md",
    "docs/**.md",
    "examples/README.md",
    "examples/**.xml",
]
exclude_patterns = [
    *(path.name for path in TOP.iterdir() if path.is_dir() and path.name not in PLACES),
    "docs/_*",
]
nitpicky = True
smartquotes = False  # what stands in quotes here is typed, mostly

myst_heading_anchors = 4
contents_pages = {
    "docs/index",
    "docs/decisions/README",
    "docs/reference/elements/README",
}

html_theme = "furo"
html_title = "gplmt"
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["gplmt.css"]
html_extra_path = ["_extra"]  # an index.html at the top, which leads to docs/index.html

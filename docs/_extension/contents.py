"""Makes the navigation of the lists that readers see: a list of links is a table of contents.

So those who read the Markdown itself see no directive, and nothing is written twice.
"""

from __future__ import annotations

import posixpath
import re

from sphinx.application import Sphinx

_CAPTION = re.compile(r"\*\*([^*]+)\*\*")
_ENTRY = re.compile(r"(?:-|\d+\.|\|) ")  # of a list or table
_LINK = re.compile(r"\[([^\]]*)\]\(([^)#:\s]+\.(?:md|xml))\)")
_DIRECTIVE = "```{{toctree}}\n:hidden:\n{caption}\n{entries}\n```\n"


def setup(app: Sphinx) -> dict[str, bool]:
    """Have Sphinx add a hidden toctree to each page of `contents_pages`."""
    app.add_config_value("contents_pages", set(), "env")
    app.connect("source-read", _add_toctrees)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _add_toctrees(app: Sphinx, docname: str, source: list[str]) -> None:
    if docname in app.config.contents_pages:
        source[0] += "\n" + toctrees(source[0], docname=docname, known=app.env.found_docs)


def toctrees(text: str, *, docname: str, known: set[str]) -> str:
    """The toctrees for the lists and tables of a page, one for each `**Caption**` line.

    Each page is named once; those that are not `known` are none of ours.
    """
    groups: dict[str, dict[str, str]] = {"": {}}
    caption = ""
    named = {docname}
    for line in text.splitlines():
        if match := _CAPTION.fullmatch(line):
            caption = match[1]
        for words, path in _LINK.findall(line) if _ENTRY.match(line) else ():
            target = _docname(path, docname)
            if target in known and target not in named:
                named.add(target)
                groups.setdefault(caption, {})[target] = words
    return "\n".join(_toctree(caption, pages) for caption, pages in groups.items() if pages)


def _docname(path: str, page: str) -> str:
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(page), path))
    return posixpath.splitext(joined)[0]


def _toctree(caption: str, pages: dict[str, str]) -> str:
    entries = "\n".join(f"{text} </{target}>" for target, text in pages.items())
    option = f":caption: {caption}\n" if caption else ""
    return _DIRECTIVE.format(caption=option, entries=entries)

"""Makes a page of each experiment in `examples/`: its name, and the file as it is.

`examples/README.md` lists them and says more of each than the navigation could, so that has none.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.parsers import Parser


def setup(app: Sphinx) -> dict[str, bool]:
    """Have Sphinx read `.xml` files, too."""
    app.add_source_suffix(".xml", "xml")
    app.add_source_parser(XmlParser)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class XmlParser(Parser):
    """Shows a whole XML file, and leads back to the list."""

    supported = ("xml",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Make the page."""
        env = document.settings.env
        env.metadata[env.docname]["orphan"] = True
        name = env.docname.removeprefix("examples/") + ".xml"
        section = nodes.section(ids=[nodes.make_id(name)], names=[name])
        section += nodes.title(text=name)
        section += nodes.literal_block(inputstring, inputstring, language="xml")
        section += nodes.paragraph("", "", _link_to_list(env.docname))
        document += section


def _link_to_list(page: str) -> nodes.Node:
    return pending_xref(
        "",
        nodes.inline(text="All examples"),
        refdomain="std",
        reftype="doc",
        reftarget="/examples/README",
        refdoc=page,
        refexplicit=True,
    )

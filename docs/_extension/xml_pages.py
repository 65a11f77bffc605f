"""Makes a page of each experiment in `examples/`: its name, and the file as it is."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.parsers import Parser


def setup(app: Sphinx) -> dict[str, bool]:
    """Have Sphinx read `.xml` files, too."""
    app.add_source_suffix(".xml", "xml")
    app.add_source_parser(XmlParser)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class XmlParser(Parser):
    """Shows a whole XML file."""

    supported = ("xml",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Make the page."""
        name = document.settings.env.docname.removeprefix("examples/") + ".xml"
        section = nodes.section(ids=[nodes.make_id(name)], names=[name])
        section += nodes.title(text=name)
        section += nodes.literal_block(inputstring, inputstring, language="xml")
        document += section

"""What readers of JUnit XML agree on."""

from __future__ import annotations

from lxml import etree

# The schemas of Ant's reports (windyroad/JUnit-Schema) and of Jenkins (junit-10.xsd of its xunit
# plugin) both take this, but that Ant's knows no output of single cases and no sums over suites.
SCHEMA = r"""
datatypes xsd = "http://www.w3.org/2001/XMLSchema-datatypes"

start = element testsuites { name, counts, suite* }

suite = element testsuite {
    name, counts,
    attribute skipped { xsd:nonNegativeInteger },
    attribute timestamp { xsd:dateTime { pattern = "[0-9-]{10}T[0-9:]{8}" } },
    attribute hostname { word },
    attribute package { xsd:token },
    attribute id { xsd:nonNegativeInteger },
    element properties { element property { name, attribute value { text } }* },
    case*,
    element system-out { text },
    element system-err { text }
}

case = element testcase {
    name,
    attribute classname { word },
    time,
    (element failure { why } | element error { why } | element skipped { why })?,
    element system-out { text }?,
    element system-err { text }?
}

name = attribute name { word }
counts =
    attribute tests { xsd:nonNegativeInteger },
    attribute failures { xsd:nonNegativeInteger },
    attribute errors { xsd:nonNegativeInteger },
    time
time = attribute time { xsd:decimal { pattern = "[0-9]+\.[0-9]{3}" } }
why = attribute message { text }, attribute type { word }, text
word = xsd:token { minLength = "1" }
"""


def check(document: str) -> etree._Element:
    """Raise AssertionError where the document is none, or counts something else than it has."""
    root = etree.fromstring(document.encode())
    schema = etree.RelaxNG.from_rnc_string(SCHEMA)
    assert schema.validate(root), schema.error_log
    for suite in (root, *root.iter("testsuite")):
        cases = list(suite.iter("testcase"))
        counted = {"tests": len(cases)}
        for attribute, element in (("failures", "failure"), ("errors", "error")):
            counted[attribute] = sum(case.find(element) is not None for case in cases)
        assert {name: int(suite.get(name, "-1")) for name in counted} == counted
    for suite in root.iter("testsuite"):
        assert int(suite.get("skipped", "-1")) == len(list(suite.iter("skipped")))
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(set(names)) == len(names), names
    return root

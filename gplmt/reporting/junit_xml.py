"""JUnit XML as CI servers read it: suites of cases, and how they are written.

There is no standard.  This keeps to what the schemas of Ant's reports (windyroad/JUnit-Schema) and
of Jenkins (`junit-10.xsd` of its xunit plugin) have in common, but for the output of single cases
and the sums over all suites, which only Jenkins knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import Enum
from xml.etree import ElementTree

from msgspec import Struct

_SEQUENCES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?")
_LINE_ENDS = re.compile(r"\r\n?")
# What XML 1.0 has no place for, and control characters that it merely discourages.
_IMPOSSIBLE = re.compile("[^\t\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INSTEAD = "\N{REPLACEMENT CHARACTER}"


class Verdict(Enum):
    """What came of a case; the value is the name of its element."""

    OK = "ok"
    FAILURE = "failure"
    ERROR = "error"
    SKIPPED = "skipped"


class Case(Struct, frozen=True, kw_only=True):
    """A test case; `kind` is a word for the sort of failure, `text` all there is to say of it."""

    classname: str
    name: str
    seconds: float = 0.0
    verdict: Verdict = Verdict.OK
    kind: str = ""
    message: str = ""
    text: str = ""
    stdout: str = ""
    stderr: str = ""


class Suite(Struct, frozen=True, kw_only=True):
    """A test suite; `package` is what it is a part of, `began` aware."""

    name: str
    package: str
    host: str
    began: datetime
    seconds: float
    properties: Sequence[tuple[str, str]] = ()
    cases: Sequence[Case] = ()


def render_suites(name: str, suites: Sequence[Suite], *, seconds: float) -> str:
    """The document, with a last newline; any text can stand in it."""
    root = ElementTree.Element("testsuites", {"name": plain(name)})
    _count(root, [case for suite in suites for case in suite.cases], seconds)
    del root.attrib["skipped"]  # which no schema has there
    root.extend(_suite(suite, number) for number, suite in enumerate(suites))
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def plain(text: str) -> str:
    """Text as XML can hold it: without colours, one kind of line end, no control characters."""
    return _IMPOSSIBLE.sub(_INSTEAD, _LINE_ENDS.sub("\n", _SEQUENCES.sub("", text)))


def _suite(suite: Suite, number: int) -> ElementTree.Element:
    element = ElementTree.Element("testsuite", {"name": plain(suite.name)})
    _count(element, suite.cases, suite.seconds)
    element.set("timestamp", f"{suite.began.astimezone(UTC):%Y-%m-%dT%H:%M:%S}")
    element.set("hostname", plain(suite.host) or "localhost")
    element.set("package", plain(suite.package))
    element.set("id", str(number))
    properties = ElementTree.SubElement(element, "properties")
    for name, value in suite.properties:
        attributes = {"name": plain(name), "value": plain(value)}
        ElementTree.SubElement(properties, "property", attributes)
    element.extend(map(_case, suite.cases))
    ElementTree.SubElement(element, "system-out")
    ElementTree.SubElement(element, "system-err")
    return element


def _count(element: ElementTree.Element, cases: Iterable[Case], seconds: float) -> None:
    verdicts = [case.verdict for case in cases]
    element.set("tests", str(len(verdicts)))
    element.set("failures", str(verdicts.count(Verdict.FAILURE)))
    element.set("errors", str(verdicts.count(Verdict.ERROR)))
    element.set("skipped", str(verdicts.count(Verdict.SKIPPED)))
    element.set("time", _seconds(seconds))


def _case(case: Case) -> ElementTree.Element:
    attributes = {"name": plain(case.name), "classname": plain(case.classname)}
    element = ElementTree.Element("testcase", {**attributes, "time": _seconds(case.seconds)})
    if case.verdict is not Verdict.OK:
        attributes = {"message": plain(case.message), "type": case.kind or case.verdict.value}
        verdict = ElementTree.SubElement(element, case.verdict.value, attributes)
        verdict.text = plain(case.text) or None
    for name, output in (("system-out", case.stdout), ("system-err", case.stderr)):
        if output:
            ElementTree.SubElement(element, name).text = plain(output)
    return element


def _seconds(seconds: float) -> str:
    return f"{max(seconds, 0.0):.3f}"

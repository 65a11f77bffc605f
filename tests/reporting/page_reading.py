"""A report page, read as a browser reads it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import msgspec

from gplmt.reporting.page import render_report
from gplmt.reporting.page.model import OUTCOMES, FailureRow, PageData, StepRow
from gplmt.reporting.recorded import RecordedRun


class Task(NamedTuple):
    """A row of the table of tasks."""

    target: str
    name: str
    outcome: str
    step: str | None
    at: str
    begin: float
    length: float | None
    result: str
    reason: str
    log: str


class Elements(HTMLParser):
    """The elements of a page, each with its attributes, and what is in them."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._open = tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self._open, data))


class Page:
    """What a page has been told."""

    def __init__(self, page: bytes) -> None:
        self.text = page.decode()
        (found,) = re.findall(
            r'<script type="application/json" id="data">(.*?)</script>', self.text, re.DOTALL
        )
        self.json = json.loads(found)
        self.data = msgspec.json.decode(found, type=PageData)

    @classmethod
    def of(cls, run: RecordedRun) -> Page:
        """The page about a run."""
        return cls(render_report(run))

    @classmethod
    def at(cls, run_directory: Path) -> Page:
        """The page about the run in that directory."""
        return cls.of(RecordedRun(run_directory))

    @property
    def tasks(self) -> list[Task]:
        """All tasks."""
        columns, text = self.data.tasks, self.data.texts
        return [
            Task(
                target=self.data.targets[columns.target[row]],
                name=text[columns.name[row]],
                outcome=OUTCOMES[columns.outcome[row]],
                step=self.data.steps[step].name if (step := columns.step[row]) >= 0 else None,
                at=text[columns.at[row]],
                begin=columns.begin[row],
                length=columns.length[row],
                result=text[columns.result[row]],
                reason=text[columns.reason[row]],
                log=columns.log[row],
            )
            for row in range(len(columns.begin))
        ]

    def task(self, name: str, target: str = "n1") -> Task:
        """The only task of that name there."""
        (found,) = [task for task in self.tasks if (task.name, task.target) == (name, target)]
        return found

    def step(self, name: str) -> StepRow:
        """The only step of that name."""
        (found,) = [step for step in self.data.steps if step.name == name]
        return found

    def failures(self) -> list[tuple[str, str]]:
        """What failed, and where."""
        return [(self.text_of(row.what), self.target_of(row)) for row in self.data.failures]

    def tails(self, row: FailureRow) -> dict[str, str]:
        """The last lines of the logs of a failure."""
        return {tail.log: self.text_of(tail.text) for tail in row.tails}

    def text_of(self, number: int) -> str:
        """A text by its number."""
        return self.data.texts[number]

    def target_of(self, row: FailureRow) -> str:
        """Where it failed."""
        return self.data.targets[row.target] if row.target >= 0 else ""

    def marks(self, name: str) -> dict[int, dict[str, int]]:
        """The outcomes at the lines of a file."""
        (source,) = [source for source in self.data.sources if source.name == name]
        marks: dict[int, dict[str, int]] = {}
        for mark in source.marks:
            counts = marks.setdefault(mark.line, {})
            for outcome, count in zip(OUTCOMES, mark.counts, strict=True):
                if count:
                    counts[outcome] = counts.get(outcome, 0) + count
        return marks

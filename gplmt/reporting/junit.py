"""A run as JUnit XML: a suite per step, a case per target and tasklist."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from gplmt.events import (
    IterationStarted,
    RecoveryStarted,
    StepReached,
    TasklistStarted,
    TeardownStarted,
)
from gplmt.recording.masking import MASK, is_secret_variable
from gplmt.reporting.history import Failed, Span
from gplmt.reporting.junit_cases import Judge, Place
from gplmt.reporting.junit_xml import Case, Suite, Verdict, render_suites
from gplmt.reporting.recorded import RecordedRun


def render_junit(run: RecordedRun) -> str:
    """The document, also of a run that has not ended; one that ended well has nothing red in it."""
    suites = _Suites(run)
    return render_suites(run.manifest.experiment, suites.all(), seconds=suites.seconds)


def render_nothing_run(
    experiment: str, *, kind: str, message: str, text: str = "", host: str, now: datetime
) -> str:
    """The document where there is no record: one case, with an error."""
    case = Case(
        classname=experiment,
        name="experiment",
        verdict=Verdict.ERROR,
        kind=kind,
        message=message,
        text=text,
    )
    suite = Suite(
        name=experiment, package=experiment, host=host, began=now, seconds=0.0, cases=(case,)
    )
    return render_suites(experiment, [suite], seconds=0.0)


def write_junit(text: str, path: Path) -> None:
    """Write the file, and make its directories.

    Raises:
        OSError: it cannot be written whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


class _Suites:
    """Makes the suites of a run."""

    def __init__(self, run: RecordedRun) -> None:
        self._run = run
        self._history = run.history
        self._judge = Judge(run)
        self._labels: Counter[str] = Counter()
        self._others: list[Failed] = []  # those outside of tasklists
        self._failed: dict[int, list[Failed]] = {}  # by the span of the outermost tasklist
        for failed in self._history.failures():
            around = _outermost_tasklist(failed.span)
            found = self._others if around is None else self._failed.setdefault(around.number, [])
            found.append(failed)

    @property
    def seconds(self) -> float:
        """How long the run took, as far as the record goes."""
        manifest = self._run.manifest
        ended = manifest.ended or self._history.last_time or manifest.started
        return (ended - manifest.started).total_seconds()

    def all(self) -> list[Suite]:
        """In the order in which steps were reached.

        What went wrong beside them, or with an experiment that has none, is a suite before these.
        """
        suites = [*self._of_spans(), *self._of_teardowns_not_run()]
        verdicts = {case.verdict for suite in suites for case in suite.cases}
        has_told = bool(verdicts & {Verdict.FAILURE, Verdict.ERROR})
        experiment = self._of_experiment(has_told=has_told)
        is_fine = all(case.verdict is Verdict.OK for case in experiment.cases)
        return suites if suites and is_fine else [experiment, *suites]

    def _of_experiment(self, *, has_told: bool) -> Suite:
        manifest = self._run.manifest
        properties = {
            "description": manifest.description,
            "document": manifest.document,
            "run_id": manifest.run_id,
            "run_dir": str(self._run.path),
            "gplmt": manifest.gplmt,
            "exit_code": None if manifest.exit_code is None else str(manifest.exit_code),
        }
        case = self._judge.experiment(self._others, has_told=has_told, seconds=self.seconds)
        return Suite(
            name=manifest.experiment,
            package=manifest.experiment,
            host=manifest.host,
            began=manifest.started,
            seconds=self.seconds,
            properties=[(name, value) for name, value in properties.items() if value is not None],
            cases=[case],
        )

    def _of_spans(self) -> Iterator[Suite]:
        for span in self._history.of(StepReached, TeardownStarted, RecoveryStarted):
            match span.begin:
                case StepReached(step=step, iteration=iteration, targets=targets):
                    yield self._of_span(span, self._place(step, iteration), targets)
                case TeardownStarted(step=step, targets=targets):
                    yield self._of_span(span, self._place(step), targets)
                case _ if any(child.target for child in span.children):
                    yield self._of_span(span, self._place("gplmt-cleanup"), ())

    def _of_span(self, span: Span, place: Place, targets: Sequence[str]) -> Suite:
        ran = [child for child in span.children if child.target is not None]
        begun = {child.target for child in ran}
        began = span.started or span.begin.time
        ended = span.ended or self._history.last_time or began
        return self._suite(
            place,
            began=began,
            seconds=(ended - began).total_seconds(),
            properties=list(_properties(span)),
            cases=[
                *(self._judge.ran(place, one, self._failed.get(one.number, ())) for one in ran),
                *(self._judge.did_not_run(place, span, one) for one in targets if one not in begun),
            ],
        )

    def _of_teardowns_not_run(self) -> Iterator[Suite]:
        begun = {
            span.begin.step
            for span in self._history.of(TeardownStarted)
            if isinstance(span.begin, TeardownStarted)
        }
        for teardown in self._history.teardowns:
            if teardown.step in begun:
                continue
            place, tasklist = self._place(teardown.step), teardown.tasklist
            yield self._suite(
                place,
                began=teardown.time,
                seconds=0.0,
                properties=[("at", teardown.at), ("tasklist", tasklist)],
                cases=[
                    self._judge.teardown_did_not_run(place, tasklist, target)
                    for target in teardown.targets
                ],
            )

    def _suite(
        self,
        place: Place,
        *,
        began: datetime,
        seconds: float,
        properties: Sequence[tuple[str, str]],
        cases: Sequence[Case],
    ) -> Suite:
        return Suite(
            name=place.suite,
            package=self._run.manifest.experiment,
            host=self._run.manifest.host,
            began=began,
            seconds=seconds,
            properties=[*properties, ("run_dir", str(self._run.path))],
            cases=cases,
        )

    def _place(self, step: str, iteration: str | None = None) -> Place:
        suffix = "" if iteration is None else f" in iteration {iteration}"
        self._labels[step + suffix] += 1
        if (count := self._labels[step + suffix]) > 1:  # steps may have the same name
            suffix += f" ({count})"
        classname = f"{self._run.manifest.experiment}.{step}"
        return Place(suite=step + suffix, classname=classname, suffix=suffix)


def _outermost_tasklist(span: Span) -> Span | None:
    """The tasklist of a step or teardown in which something happened."""
    outermost = None
    for around in span.around():
        if isinstance(around.begin, TasklistStarted):
            outermost = around
    return outermost


def _properties(span: Span) -> Iterator[tuple[str, str]]:
    """Where a step stands, and the parameters of the loops around it."""
    begin = span.begin
    if begin.at is not None:
        yield "at", begin.at
    if isinstance(begin, StepReached | TeardownStarted):
        yield "tasklist", begin.tasklist
    for around in span.around():
        if isinstance(around.begin, IterationStarted):
            for name, value in around.begin.parameters.items():
                yield name, MASK if is_secret_variable(name) else value

"""Asks for the nodes of the slices that an experiment uses, of all at once (LANGUAGE.md 4.4)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from threading import Thread

from gplmt.diagnostics import Faults
from gplmt.errors import SetupError
from gplmt.language.experiment import Experiment
from gplmt.language.targets import PlanetlabTarget
from gplmt.targets.endpoint import ApiError, no_answer
from gplmt.targets.expanding import expand
from gplmt.targets.plcapi import Question, ask

PASSWORD_VARIABLE = "GPLMT_PLANETLAB_PASSWORD"  # noqa: S105 (its name)
TIMEOUT_SECONDS = 30.0

AskSecret = Callable[[str], str | None]
Answer = tuple[str, ...] | ApiError


def resolve(
    experiment: Experiment,
    names: Iterable[str],
    *,
    host_environment: Mapping[str, str],
    ask_secret: AskSecret | None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Experiment:
    """The experiment with the nodes of these planetlab targets, as their APIs tell them.

    `ask_secret` gets a prompt and returns what the user typed, None for nothing; it is None itself
    where nobody may be asked.  Whoever interrupts this leaves threads behind that still wait for
    an API, and do not keep the process from ending.

    Raises:
        SetupError: with all that is wrong, each with the place of its target or step.
    """
    faults = Faults()
    passwords = _Passwords(host_environment.get(PASSWORD_VARIABLE), ask_secret)
    slices = [experiment.targets[name] for name in names]
    questions = {
        target: question
        for target in slices
        if isinstance(target, PlanetlabTarget)
        and (question := _question(target, passwords, faults)) is not None
    }
    hosts = _answered(questions, timeout_seconds, faults)
    expanded = expand(experiment, hosts, faults)
    if faults.error_count:
        told = faults.in_order(source.name for source in experiment.sources)
        raise SetupError("\n".join(map(str, told)))
    return expanded


class _Passwords:
    """Finds passwords, and asks the user for each at most once."""

    def __init__(self, from_environment: str | None, ask_secret: AskSecret | None) -> None:
        self._from_environment = from_environment
        self._ask_secret = ask_secret
        self._typed: dict[tuple[str, str], str | None] = {}

    def of(self, target: PlanetlabTarget) -> str | None:
        """The password of a target's user; None where there is none."""
        return target.password or self._from_environment or self._typed_for(target)

    def _typed_for(self, target: PlanetlabTarget) -> str | None:
        if self._ask_secret is None:
            return None
        key = (target.api_url, target.user)
        if key not in self._typed:
            self._typed[key] = self._ask_secret(f"Password of {target.user} at {target.api_url}: ")
        return self._typed[key]


def _question(target: PlanetlabTarget, passwords: _Passwords, faults: Faults) -> Question | None:
    """What to ask for a target; tells a fault if the password is not to be had."""
    password = passwords.of(target)
    if not password:
        api = f"the API {target.api_url}"
        problem = f"target '{target.name}': no password for user '{target.user}' of {api} is given"
        faults.error(target.at, problem, f"set {PASSWORD_VARIABLE}")
        return None
    return Question(
        api_url=target.api_url,
        slice_name=target.slice_name,
        user=target.user,
        password=password,
    )


def _answered(
    questions: Mapping[PlanetlabTarget, Question], timeout_seconds: float, faults: Faults
) -> dict[str, tuple[str, ...]]:
    """The hosts of those slices whose API tells them, by target; `faults` are told of others."""
    answers = _ask_all(questions.values(), timeout_seconds)
    hosts: dict[str, tuple[str, ...]] = {}
    for target, question in questions.items():
        answer = answers[question]
        if isinstance(answer, ApiError):
            faults.error(target.at, f"target '{target.name}': {answer.problem}", answer.hint)
        else:
            hosts[target.name] = answer
    return hosts


class _Asking(Thread):
    """Asks one question; `answer` is that there is none until there is one."""

    def __init__(self, question: Question, timeout_seconds: float) -> None:
        super().__init__(daemon=True)
        self.answer: Answer = no_answer(question.api_url, timeout_seconds)
        self._question = question
        self._timeout_seconds = timeout_seconds

    def run(self) -> None:
        try:
            self.answer = ask(self._question, timeout_seconds=self._timeout_seconds)
        except ApiError as error:
            self.answer = error


def _ask_all(questions: Iterable[Question], timeout_seconds: float) -> dict[Question, Answer]:
    """The answers, for which nobody waits longer than this, whatever a server does."""
    deadline = time.monotonic() + timeout_seconds
    asking = {question: _Asking(question, timeout_seconds) for question in set(questions)}
    for thread in asking.values():
        thread.start()
    for thread in asking.values():
        thread.join(max(0.0, deadline - time.monotonic()))
    return {question: thread.answer for question, thread in asking.items()}

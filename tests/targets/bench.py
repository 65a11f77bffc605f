"""Experiments with slices, from XML to what their APIs make of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gplmt.errors import SetupError
from gplmt.inventory import Inventory
from gplmt.language.experiment import Experiment
from gplmt.loading import Loaded, load
from gplmt.planning import Plan, make_plan
from gplmt.targets import planetlab
from tests.targets.servers import PASSWORD, USER

WITH_PASSWORD = {"GPLMT_PLANETLAB_PASSWORD": PASSWORD}
STEP = '<step tasklist="t" targets="slice"/>'


def slice_target(
    url: str, *, name: str = "slice", slice_name: str = "s", user: str = USER, more: str = ""
) -> str:
    """A planetlab target."""
    return (
        f'<target name="{name}" type="planetlab"><apiurl>{url}</apiurl>'
        f"<slicename>{slice_name}</slicename><user>{user}</user>{more}</target>"
    )


def document(targets: str, steps: str = STEP) -> str:
    """An experiment, the targets from its second line on."""
    return (
        f"<experiment>\n<targets>{targets}</targets>\n"
        f'<tasklists><tasklist name="t"><run>true</run></tasklist></tasklists>\n'
        f"<steps>{steps}</steps>\n</experiment>\n"
    )


class Bench:
    """Works in one directory; the document is `lab.xml`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def write(self, text: str, name: str = "lab.xml") -> None:
        """A file in the directory."""
        (self._directory / name).write_text(text)

    def load(self, text: str, environment: Mapping[str, str] = WITH_PASSWORD) -> Loaded:
        """What a document means."""
        self.write(text)
        return load(
            "lab.xml",
            host_environment=environment,
            working_directory=self._directory,
            now=datetime(2026, 1, 1, tzinfo=UTC),
        )

    def resolve(
        self,
        targets: str,
        steps: str = STEP,
        *,
        environment: Mapping[str, str] = WITH_PASSWORD,
        ask_secret: Callable[[str], str | None] | None = None,
        timeout_seconds: float = 10.0,
    ) -> Experiment:
        """The experiment, all its slices asked for."""
        experiment = self.load(document(targets, steps), environment).experiment
        return planetlab.resolve(
            experiment,
            experiment.targets,
            host_environment=environment,
            ask_secret=ask_secret,
            timeout_seconds=timeout_seconds,
        )

    def refused(self, *targets: str, timeout_seconds: float = 10.0) -> list[str]:
        """What is wrong with targets, each in a line of its own from the second on."""
        names = " ".join(target.split('"')[1] for target in targets)
        step = f'<step tasklist="t" targets="{names}"/>'
        with pytest.raises(SetupError) as caught:
            self.resolve("\n".join(targets), step, timeout_seconds=timeout_seconds)
        assert caught.value.exit_code == 3
        assert PASSWORD not in str(caught.value)
        return str(caught.value).splitlines()


def plan_of(experiment: Experiment) -> Plan:
    """What would happen."""
    return make_plan(experiment, Inventory(experiment.targets, {}))

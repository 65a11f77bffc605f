"""Slices in `experiment.xml`, whose SSH options only a group can say (LANGUAGE.md 4.3, 4.4)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from gplmt.language.experiment import Experiment
from gplmt.language.targets import PlanetlabTarget, SshOptions, SshTarget
from gplmt.loading import load
from gplmt.recording.render import render

GROUPS = """<experiment>
  <targets>
    <target name="outer" type="group">
      <user>ada</user><proxy-jump>gate</proxy-jump>
      <target name="inner" type="group">
        <port>2222</port>
        <target name="far" type="ssh"><host>far</host><port>22</port></target>
        <target name="slice" type="planetlab"><apiurl>https://api</apiurl>
          <slicename>s</slicename><user>u</user></target>
      </target>
      <target name="near" type="ssh"><host>near</host></target>
    </target>
  </targets>
</experiment>
"""


def reloaded(experiment: Experiment, directory: Path) -> Experiment:
    """What is in the document that an experiment is rendered to."""
    file = directory / "again.xml"
    file.write_text(render(experiment, directory=directory))
    return loaded(file)


def loaded(file: Path) -> Experiment:
    return load(
        str(file),
        host_environment={},
        working_directory=file.parent,
        now=datetime(2026, 1, 1, tzinfo=UTC),
    ).experiment


def test_options_of_groups_are_kept_for_slices_and_change_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "lab.xml"
    file.write_text(GROUPS)
    again = reloaded(loaded(file), tmp_path)
    for targets in (loaded(file).targets, again.targets):
        options = {
            name: target.options
            for name, target in targets.items()
            if isinstance(target, SshTarget | PlanetlabTarget)
        }
        assert options == {
            "far": SshOptions(user="ada", proxy_jump="gate", port=22),
            "slice": SshOptions(user="ada", proxy_jump="gate", port=2222),
            "near": SshOptions(user="ada", proxy_jump="gate"),
        }

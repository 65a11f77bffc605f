"""A directory with documents in it, and what loading them brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gplmt.errors import DocumentError
from gplmt.loading import Loaded, load


class Desk:
    """Writes documents into the current directory, an empty one, and loads them."""

    host_environment: Mapping[str, str] = {"SET": "set here"}
    now = datetime(2027, 1, 1, tzinfo=UTC)

    def write(self, name: str, content: str | bytes) -> str:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return name

    def load(
        self,
        content: str | bytes,
        *,
        name: str = "lab.xml",
        include_directories: Sequence[str] = (),
        rng: str | None = None,
    ) -> Loaded:
        return load(
            self.write(name, content),
            include_directories=include_directories,
            rng=rng,
            host_environment=self.host_environment,
            working_directory=Path(),
            now=self.now,
        )

    def errors(
        self,
        content: str | bytes,
        *,
        include_directories: Sequence[str] = (),
        rng: str | None = None,
    ) -> list[str]:
        """All diagnostics of a document that is refused."""
        with pytest.raises(DocumentError) as raised:
            self.load(content, include_directories=include_directories, rng=rng)
        return [str(diagnostic) for diagnostic in raised.value.diagnostics]

    def warnings(self, content: str | bytes) -> list[str]:
        """All diagnostics of a document that is accepted."""
        return [str(warning) for warning in self.load(content).warnings]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.chdir(tmp_path)
    return Desk()

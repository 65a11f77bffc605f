"""A directory of documents, and the process that loads them, which may hang, die or be greedy."""

from __future__ import annotations

import json
import os
import select
import shutil
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import cast

import gplmt
from tests.loading.samples import LIBRARY

ROOT = Path(__file__).parent.parent.parent.parent
MAX_SECONDS = 180  # until a load counts as hanging, also on a busy machine
READABLE = (  # which a load may open besides documents: the schema, and modules it imports late
    *{str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "purelib", "platlib")},
    str(ROOT / "schema"),
    str(Path(gplmt.__file__).parent),
    "/usr/share/zoneinfo",
    os.devnull,
)
ODD_NAME = "odd\n[31m\u202e.xml"
Fields = Mapping[str, object]


class FuzzDesk:
    """Writes documents and asks the worker of them.

    `listener` is a socket on the loopback interface to which nobody may connect.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self._process: subprocess.Popen[bytes] | None = None
        self.reset()

    def __enter__(self) -> FuzzDesk:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()
        self.listener.close()

    def reset(self) -> None:
        """Put everything that documents may refer to where it was."""
        directory = self.directory
        (directory / "library.xml").write_text(LIBRARY)
        for name in ("files", "include"):
            shutil.copytree(ROOT / "examples" / name, directory / name, dirs_exist_ok=True)
        (directory / "directory.xml").mkdir(exist_ok=True)
        (directory / "zero.xml").symlink_to("/dev/zero")
        (directory / "loop.xml").symlink_to("loop.xml")
        (directory / "lone.xml").symlink_to("gone.xml")
        os.mkfifo(directory / "fifo.xml")
        (directory / "empty.xml").touch()
        (directory / "binary.xml").write_bytes(bytes(range(256)) * 8)
        (directory / "self.xml").write_text('<experiment><include file="self.xml"/></experiment>')
        (directory / "back.xml").write_text('<experiment><include file="lab.xml"/></experiment>')
        (directory / ODD_NAME).write_text("<experiment><oops/></experiment>")
        (directory / "secret.xml").write_text("<experiment/>")
        (directory / "secret.xml").chmod(0)
        with (directory / "sparse.xml").open("wb") as sparse:
            sparse.truncate(1 << 40)

    def ask(
        self,
        document: bytes | None,
        *,
        file: str = "lab.xml",
        zone: str = "UTC",
        is_thorough: bool = True,
    ) -> Fields:
        """What the worker says of a document, after it was written to `file` unless None.

        Fails if the worker dies or hangs.
        """
        if document is not None:
            (self.directory / file).write_bytes(document)
        process = self._running()
        asked = json.dumps({"file": file, "zone": zone, "is_thorough": is_thorough})
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(asked.encode() + b"\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], MAX_SECONDS)
        line = process.stdout.readline() if ready else b""
        if not line:
            self._stop()
            raise AssertionError("the worker died" if ready else "the load hangs")
        return cast(Fields, json.loads(line))

    def was_called(self) -> bool:
        """Whether somebody connected to the listener."""
        return bool(select.select([self.listener], [], [], 0)[0])

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", "tests.loading.fuzz.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=self.directory,
                env={**os.environ, "PYTHONPATH": str(ROOT), "SET": "set here"},
            )
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

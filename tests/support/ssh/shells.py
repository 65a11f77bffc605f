"""What a session of the in-process server runs: a real shell, as sshd would start it."""

from __future__ import annotations

import asyncio
import getpass
import os
import signal
from contextlib import suppress
from pathlib import Path

import asyncssh
from asyncssh.packet import Boolean, String, UInt32

_CLIENT_HAS_GONE = (OSError, asyncssh.Error)
_CHUNK_BYTES = 65_536


class Shells:
    """Starts a shell for each command, in `home` and in a session of its own."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._serving: set[asyncio.Task[None]] = set()
        self._shells: set[asyncio.subprocess.Process] = set()

    async def end(self) -> None:
        """Kill the shells that still run, and wait until none is left."""
        while self._shells:
            for shell in self._shells:
                with suppress(ProcessLookupError):
                    shell.kill()
            await asyncio.sleep(0.01)
        for task in self._serving:  # asyncssh lets some wait for a client that has gone
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def serve(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        """Begin to run the command of a session."""
        task = asyncio.get_running_loop().create_task(self._serve(process))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        """Run the command of a session, and tell how it ended.

        As sshd does it: the status is told when the shell has ended, the channel is closed when
        nothing holds the output any more, and the command's stdin is closed with the channel.
        """
        stdin, to_stdin = os.pipe()
        from_stdout, stdout = os.pipe()
        from_stderr, stderr = os.pipe()
        try:
            shell = await asyncio.create_subprocess_exec(
                *self._words(process.command),
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                cwd=self._home,
                env=self._environment(process),
                start_new_session=True,
            )
        finally:
            for descriptor in (stdin, stdout, stderr):
                os.close(descriptor)
        self._shells.add(shell)
        feeding = asyncio.get_running_loop().create_task(_feed(process.stdin, to_stdin))
        try:
            with suppress(*_CLIENT_HAS_GONE):
                # The end of one stream must not end the other, as asyncssh would have it.
                await process.redirect(stdout=from_stdout, stderr=from_stderr, send_eof=False)
            status = await shell.wait()
            self._shells.discard(shell)
            with suppress(*_CLIENT_HAS_GONE):
                _tell(process.channel, status)
                await process.stdout.drain()
                await process.stderr.drain()
        finally:
            feeding.cancel()
            process.close()
            await process.wait_closed()

    @staticmethod
    def _words(command: str | None) -> tuple[str, ...]:
        return ("/bin/sh",) if command is None else ("/bin/sh", "-c", command)

    def _environment(self, process: asyncssh.SSHServerProcess[bytes]) -> dict[str, str]:
        client = process.get_extra_info("peername")
        server = process.get_extra_info("sockname")
        user = getpass.getuser()
        agent = process.channel.get_agent_path()
        return {
            "HOME": str(self._home),
            "USER": user,
            "LOGNAME": user,
            "SHELL": "/bin/sh",
            "PATH": os.environ.get("PATH", os.defpath),
            "SSH_CONNECTION": f"{client[0]} {client[1]} {server[0]} {server[1]}",
            **({} if agent is None else {"SSH_AUTH_SOCK": agent}),
        }


async def _feed(reader: asyncssh.SSHReader[bytes], descriptor: int) -> None:
    """Pass on what the client sends, to the end of it or of the channel.

    asyncssh's own way has asyncio watch a descriptor that is closed by then, if the client has
    sent everything at once.
    """
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, os.fdopen(descriptor, "wb", buffering=0)
    )
    writer = asyncio.StreamWriter(transport, protocol, None, loop)
    try:
        with suppress(*_CLIENT_HAS_GONE):
            while data := await reader.read(_CHUNK_BYTES):
                writer.write(data)
                await writer.drain()
        writer.close()
    except asyncio.CancelledError:
        if not transport.is_closing():
            transport.abort()
        raise


def _tell(channel: asyncssh.SSHServerChannel[bytes], status: int) -> None:
    """Send a status or signal; asyncssh's own way to do so would close the channel as well."""
    if status >= 0:
        channel._send_request(b"exit-status", UInt32(status))
    else:
        name = signal.Signals(-status).name.removeprefix("SIG")
        channel._send_request(b"exit-signal", String(name), Boolean(False), String(""), String(""))

"""How far a node is, what it runs, and what its clock says: a few lines to and fro with a shell."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import asyncssh
from msgspec import Struct

from gplmt.errors import ConnectionLostError, LaunchError, TaskError
from gplmt.protocols import Answer, ClockReading, Endpoint, Pinged
from gplmt.transports.ssh.attachments import Attachment
from gplmt.transports.ssh.peers import Peer
from gplmt.transports.ssh.pipes import Pipe, open_pipe
from gplmt.transports.systems import OS_RELEASE_FILES, describe_system

_EXCHANGES = 5
_ANSWER_SECONDS = 10.0
_LULL_SECONDS = 0.1
_APART_SECONDS = 0.001
_MAX_UNREAD_BYTES = 65_536
_END = "."
_REFUSAL = "no command can be run there"

# Some shells know the time.  Of the others' `date`, GNU's alone knows fractions of a second, and
# others write %N or nothing for them.
_SCRIPT = f"""\
LC_ALL=C; export LC_ALL
uname -srm 2>/dev/null || echo
cat {" ".join(OS_RELEASE_FILES)} 2>/dev/null
case $(date +%s.%N 2>/dev/null) in
    *.*[!0-9]* | *. | "") format=+%s ;;
    *) format=+%s.%N ;;
esac
echo
echo {_END}
while read -r request; do
    case $request in
        time) if [ -n "$EPOCHREALTIME" ]; then echo "$EPOCHREALTIME"
              else echo "$(date $format 2>/dev/null)"; fi ;;
        *) echo ;;
    esac
done
"""
_TIME = re.compile(r"\d{1,15}(?:\.(\d{1,9}))?")


class Exchange(Struct, frozen=True, kw_only=True):
    """A line sent at a moment of the execution host's clock, and what came back for it."""

    sent_at: float
    seconds: float
    answer: str


class Turns:
    """Lets exchanges begin one after another, and none while connections are being opened.

    What keeps gplmt busy in the meantime would be taken for the way to the node.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._free_from = 0.0

    def put_off(self) -> None:
        """Something is being set up, and more of the kind may follow at once."""
        self._free_from = max(self._free_from, _now() + _LULL_SECONDS)

    async def come(self) -> None:
        """Wait for one's turn."""
        async with self._lock:
            while (seconds := self._free_from - _now()) > 0:  # noqa: ASYNC110 (time is awaited)
                await asyncio.sleep(seconds)
            self._free_from = _now() + _APART_SECONDS


async def ping(peer: Peer, turns: Turns) -> Pinged:
    """Connect to a node and ask it, as `Transport.ping`."""
    login = peer.login
    endpoint = Endpoint(host=login.host, port=login.port, user=login.user)
    try:
        answer = await _ask(peer, turns)
    except TaskError as error:
        return Pinged(node=peer.node, endpoint=endpoint, reason=str(error))
    return Pinged(node=peer.node, endpoint=endpoint, answer=answer)


def round_trip(exchanges: Sequence[Exchange]) -> float:
    """The time of the shortest, in seconds: whatever delays one adds to it."""
    return min(exchange.seconds for exchange in exchanges)


def read_clock(exchanges: Sequence[Exchange]) -> ClockReading | None:
    """The best reading of a clock whose time is the answer; None if no answer is a time."""
    readings = [reading for exchange in exchanges if (reading := _reading(exchange)) is not None]
    return min(readings, key=lambda reading: reading.uncertainty_seconds, default=None)


async def _ask(peer: Peer, turns: Turns) -> Answer:
    began = _now()
    try:
        attachment = await peer.attached()
        connect_seconds = _now() - began
    finally:
        turns.put_off()
    async with _conversation(attachment) as conversation:
        turns.put_off()
        echoes = [await conversation.exchange("echo", turns) for _ in range(_EXCHANGES)]
        times = [await conversation.exchange("time", turns) for _ in range(_EXCHANGES)]
    host_key = attachment.connection.get_server_host_key()
    return Answer(
        connect_seconds=connect_seconds,
        round_trip_seconds=round_trip(echoes),
        system=conversation.system,
        clock=read_clock(times),
        host_key=None if host_key is None else host_key.get_fingerprint(),
    )


def _reading(exchange: Exchange) -> ClockReading | None:
    """The node read its clock during the exchange, and cut off what the answer does not show."""
    time_text = _TIME.fullmatch(exchange.answer)
    if time_text is None:
        return None
    resolution = 10.0 ** -len(time_text[1] or "")
    shown = float(exchange.answer)
    return ClockReading(
        offset_seconds=shown + resolution / 2 - (exchange.sent_at + exchange.seconds / 2),
        uncertainty_seconds=(exchange.seconds + resolution) / 2,
    )


@asynccontextmanager
async def _conversation(attachment: Attachment) -> AsyncIterator[_Conversation]:
    """The script on a node, ready to be asked; what goes wrong with it is a `TaskError`."""
    try:
        async with AsyncExitStack() as channel:
            async with asyncio.timeout(_ANSWER_SECONDS):
                opening = open_pipe(attachment.open_session, _SCRIPT)
                conversation = _Conversation(await channel.enter_async_context(opening))
                await conversation.begin()
            yield conversation
            async with asyncio.timeout(_ANSWER_SECONDS):
                await conversation.end()
    except TimeoutError as error:
        raise ConnectionLostError(f"no answer within {_ANSWER_SECONDS:g} s") from error
    except (asyncssh.Error, OSError) as error:
        raise LaunchError(f"{_REFUSAL}: {error}") from error


class _Conversation:
    """Line by line with the script; `system` is what it has told by itself."""

    def __init__(self, pipe: Pipe) -> None:
        self.system: str | None = None
        self._pipe = pipe
        self._received = b""

    async def begin(self) -> None:
        """Hear what the node runs."""
        kernel, os_release = await self._line(), []
        while (line := await self._line()) != _END:
            os_release.append(line)
        self.system = describe_system(kernel, os_release)

    async def exchange(self, request: str, turns: Turns) -> Exchange:
        """Ask for a line when it is one's turn, and wait for it."""
        await turns.come()
        async with asyncio.timeout(_ANSWER_SECONDS):
            sent_at, began = time.time(), _now()
            await self._pipe.write(f"{request}\n".encode())
            answer = await self._line()
            return Exchange(sent_at=sent_at, seconds=_now() - began, answer=answer)

    async def end(self) -> None:
        """Wait until the script is gone from the node."""
        self._pipe.write_eof()
        await self._pipe.wait()

    async def _line(self) -> str:
        while b"\n" not in self._received:
            data = await self._pipe.read()
            if not data:
                raise LaunchError(f"{_REFUSAL}: {await self._last_words()}")
            self._received += data
            if len(self._received) > _MAX_UNREAD_BYTES:
                raise LaunchError(f"{_REFUSAL}: it says too much")
        line, _, self._received = self._received.partition(b"\n")
        return line.decode(errors="replace")

    async def _last_words(self) -> str:
        """Why there are no further lines."""
        status, errors = await self._pipe.wait()
        words = errors.decode(errors="replace").strip().splitlines()
        return words[-1] if words else f"the shell ended with status {status}"


def _now() -> float:
    return asyncio.get_running_loop().time()

"""The guard of a node: `guard.sh` in a channel of its own, and what is said to it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable
from typing import NamedTuple

import asyncssh

from gplmt.transports.guard import packed_script
from gplmt.transports.ssh.links import LinkSession
from gplmt.transports.ssh.scripts import Surface, guard_script

_MAX_NOISE_BYTES = 65_536
_LAZY_SECONDS = 0.05
_TOGETHER_SECONDS = 0.003


class Found(NamedTuple):
    """A process that is there to be stopped.

    `token` and `mark` are what its marker has of the guard's token and of the command's mark, both
    empty where it bears none.
    """

    pid: int
    group: int
    token: str
    mark: str
    name: str


class Answer(NamedTuple):
    """What a guard answers: processes, and which other guards it sees."""

    found: tuple[Found, ...] = ()
    seen: frozenset[str] = frozenset()


class _Question(NamedTuple):
    """What several want to have stopped, and the answer for all of them."""

    words: dict[str, None]
    answer: asyncio.Future[Answer]


class GuardSession(LinkSession):
    """A guard from its channel's opening to its end.

    `ready` is done when commands may be started, and cancelled if the guard ends before. What is
    known by then: the `surface` of the node, in `sees_marks` whether marked processes can be found,
    in `machine` which boot of which machine it is, and in `self_id` what tells the guard there from
    all other processes; both None where that is not known. `unanswered` counts the beats since the
    last answer, `heard` is when it last said something.

    `on_end` is called once, when the guard is gone, with the reason if it is the connection that
    has gone; `on_lapse` when it has heard nothing for the
    time of the lease, and so is stopping everything.
    """

    def __init__(
        self,
        *,
        token: str,
        grace_seconds: float,
        beat_seconds: float,
        on_end: Callable[[Exception | None], None],
        on_lapse: Callable[[], None],
    ) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self.token = token
        self.ready: asyncio.Future[None] = self._loop.create_future()
        self.gone: asyncio.Future[None] = self._loop.create_future()
        self.surface = Surface()
        self.sees_marks = True
        self.machine: str | None = None
        self.self_id: str | None = None
        self.unanswered = 0
        self.heard = self._loop.time()
        self._grace_seconds = grace_seconds
        self._beat_seconds = beat_seconds
        self._on_end = on_end
        self._on_lapse = on_lapse
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self._received = b""
        self._noise = b""  # on stderr
        self._said = ""
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Answer]] = {}
        self._found: dict[int, list[Found]] = {}
        self._seen: dict[int, set[str]] = {}
        self._questions: dict[str, _Question] = {}
        self._unsent: dict[str, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    @property
    def was_ready(self) -> bool:
        """Whether it has been a guard, and no failure to start one."""
        return self.ready.done() and not self.ready.cancelled()

    @property
    def last_words(self) -> str:
        """What the login shell wrote that started no guard: the last line, rather on stderr."""
        for text in (self._noise, self._received):
            if lines := text.decode(errors="replace").strip().splitlines():
                return lines[-1].strip()
        return self._said

    def add(self, word: str) -> None:
        """From now on this is stopped should we be gone; soon, where marks are found anyway.

        The marks of what is to be left running once its shell has ended are not.
        """
        if self.sees_marks and not word.startswith("l"):
            self._send_soon(f"+{word}")
        else:
            self._send(f"+{word}")

    def remove(self, word: str) -> None:
        """This shall live on."""
        self._send(f"-{word}")

    def leader_ended(self, group_word: str) -> None:
        """What the leader of this group left in it is there to be stopped."""
        self._unsent.pop(f"+{group_word}", None)
        self._send_soon(f"={group_word}")

    def stop(self, words: Iterable[str]) -> asyncio.Future[Answer]:
        """Begin to stop what the words name; done when it is gone, cancelled if the guard is.

        Who asks in the same moment is answered together: the guard looks at all processes once.
        """
        return self._ask_together("stop", words)

    def kill(self, words: Iterable[str]) -> asyncio.Future[Answer]:
        """Kill what the words name; done as for `stop`."""
        return self._ask_together("kill", words)

    def list(self, token_prefix: str | None, others: Iterable[str] = ()) -> asyncio.Future[Answer]:
        """The processes whose token begins like this, and what groups that it knows have left.

        Also which of the other guards, by their `self_id`, it sees.  Cancelled if the guard is
        gone.
        """
        words = (token_prefix or "-", *others)
        return self._ask("list", words, self._loop.create_future())

    def beat(self) -> None:
        """Renew the lease, and ask for an answer."""
        self.unanswered += 1
        self._send(".")

    def quit(self) -> None:
        """Let the guard go; it stops nothing."""
        self._send("quit")

    def leave(self) -> None:
        """Leave the rest to the guard: it stops everything, and goes."""
        self._flush()
        if self._channel is not None:
            self._channel.write_eof()

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """As asyncssh says."""
        self._channel = chan

    def session_started(self) -> None:
        """As asyncssh says."""
        super().session_started()
        # The server may have closed it with the same breath.
        if self._channel is not None and not self._channel.is_closing():
            script = guard_script(
                packed_script(),
                token=self.token,
                grace_seconds=self._grace_seconds,
                nap_seconds=self._beat_seconds,
            )
            self._channel.write(script)

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        """As asyncssh says."""
        self.heard = self._loop.time()
        if datatype is not None:
            self._noise = (self._noise + data)[-_MAX_NOISE_BYTES:]
            return
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            self._take(line.decode(errors="replace"))
        self._received = self._received[-_MAX_NOISE_BYTES:]

    def connection_lost(self, exc: Exception | None) -> None:
        """As asyncssh says: the guard has ended, or the connection has."""
        super().connection_lost(exc)
        self._channel = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.ready.cancel()
        for answer in self._answers.values():
            answer.cancel()
        self._answers.clear()
        if not self.gone.done():
            self.gone.set_result(None)
            self._on_end(exc)

    def _take(self, line: str) -> None:
        if not self.ready.done():
            # The login shell may have written something before, and not ended its line.
            _, sign, facts = line.partition(f"{self.token} ready ")
            if sign:
                self._learn(*facts.split(" ", 4))
            else:
                self._said = line.strip()
            return
        match line.split(" ", 6):
            case ["."]:
                self.unanswered = 0
            case ["lapsed"]:
                self._on_lapse()
            case ["found", number, pid, group, marker, *name]:
                token, _, rest = marker.partition("-")
                mark, slash, _ = rest.partition("/")
                found = Found(int(pid), int(group), token, mark + slash, " ".join(name))
                self._found[int(number)].append(found)
            case ["seen", number, self_id]:
                self._seen[int(number)].add(self_id)
            case ["gone", number]:
                self._answer(int(number))

    def _learn(self, who: str, what: str, machine: str, self_id: str, shell: str) -> None:
        self.sees_marks = what == "proc"
        self.machine = None if machine == "-" else machine
        self.self_id = None if self_id == "-" else self_id
        self.surface = Surface(
            gives_sessions=who == "leader", is_noisy=bool(self._noise), login_shell=shell
        )
        self.ready.set_result(None)

    def _answer(self, number: int) -> None:
        answer = self._answers.pop(number)
        found, seen = tuple(self._found.pop(number)), frozenset(self._seen.pop(number))
        if not answer.done():
            answer.set_result(Answer(found, seen))

    def _ask_together(self, verb: str, words: Iterable[str]) -> asyncio.Future[Answer]:
        question = self._questions.get(verb)
        if question is None:
            question = self._questions[verb] = _Question({}, self._loop.create_future())
            self._loop.call_later(_TOGETHER_SECONDS, self._ask_for_all, verb)
        question.words.update(dict.fromkeys(words))
        return question.answer

    def _ask_for_all(self, verb: str) -> None:
        words, answer = self._questions.pop(verb)
        self._ask(verb, words, answer)

    def _ask(
        self, verb: str, words: Iterable[str], answer: asyncio.Future[Answer]
    ) -> asyncio.Future[Answer]:
        if self._channel is None or self._channel.is_closing():
            answer.cancel()
            return answer
        number = next(self._numbers)
        self._answers[number] = answer
        self._found[number], self._seen[number] = [], set()
        self._send(" ".join((verb, str(number), *words)))
        return answer

    def _send_soon(self, line: str) -> None:
        """Write a line with the next one or before long: each write costs both ends."""
        self._unsent[line] = None
        if self._timer is None:
            self._timer = self._loop.call_later(_LAZY_SECONDS, self._flush)

    def _send(self, line: str) -> None:
        self._unsent[line] = None
        self._flush()

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._channel is not None and not self._channel.is_closing():
            self._channel.write("".join(f"{line}\n" for line in self._unsent).encode())
        self._unsent.clear()

"""What single tasks do on a node: run, put, get, wait-for, fail (LANGUAGE.md 6)."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypedDict

from gplmt.commands import Command, Completed, LogPaths, Origin
from gplmt.diagnostics import Location
from gplmt.engine.context import Context
from gplmt.engine.losses import is_loss, needing_threads
from gplmt.engine.outputs import Outputs
from gplmt.engine.session import Session, seconds
from gplmt.engine.signals import TaskFailed
from gplmt.engine.statuses import compare, describe
from gplmt.engine.verdict import Place, perform
from gplmt.errors import CopyError, LogError, TaskError
from gplmt.events import (
    AttemptFailed,
    FailFinished,
    FailStarted,
    GetFinished,
    GetStarted,
    Outcome,
    PutFinished,
    PutStarted,
    RunFinished,
    RunStarted,
    WaitForFinished,
    WaitForStarted,
)
from gplmt.language.paths import expand
from gplmt.language.tasks import Fail, Get, Put, Retries, Run, WaitFor
from gplmt.language.values import in_words
from gplmt.protocols import Copied
from gplmt.sources import find_source


class Executor:
    """Does single tasks through the transports."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def run(self, context: Context, task: Run) -> None:
        """Run a command, again after a failure if the task says so.

        Raises:
            TaskFailed: no attempt did what was expected.
        """
        paths = self._assign_logs(context, task) if task.enabled else None
        outputs = self._outputs(context)
        ended: list[Completed] = []

        async def work(place: Place) -> None:
            if paths is not None:
                once = partial(self._run_once, context, task, paths, outputs, ended)
                await self._attempts(place, once, task.timeout, task.retries)
                outputs.check()

        await perform(
            self._session,
            context,
            task,
            started=lambda place, now: RunStarted(**place, time=now, **_logs(paths)),
            work=work,
            finished=lambda place, ending: RunFinished(
                **place,
                **ending,
                **_logs(paths),
                status=ended[0].status if ended else None,
                signal=ended[0].signal if ended else None,
            ),
        )

    async def put(self, context: Context, task: Put) -> None:
        """Copy to the node.

        Raises:
            TaskFailed: no attempt could copy everything.
        """
        copied = Copied(files=0, bytes=0)

        async def attempt(place: Place, number: int) -> None:
            nonlocal copied
            sources = self._sources(context, task.source, task.at)
            destination = expand(task.destination, context.variables)
            transport = self._session.transport(context.node)
            copying = self._session.copies.copying(
                self._session.journal,
                key=f"copy {place['span']}.{number}",
                at=place["at"],
                node=context.node,
                keeps=task.keep,
            )
            with needing_threads(), copying as copy:
                copied = await transport.put(context.node, sources, destination, journal=copy)
                copy.paths = () if task.keep else copied.created

        await perform(
            self._session,
            context,
            task,
            started=lambda place, now: PutStarted(
                **place, time=now, source=task.source, destination=task.destination
            ),
            work=lambda place: self._attempts(place, attempt, task.timeout, task.retries),
            finished=lambda place, ending: PutFinished(
                **place, **ending, files=copied.files, bytes=copied.bytes
            ),
        )

    async def get(self, context: Context, task: Get) -> None:
        """Copy from the node.

        Raises:
            TaskFailed: no attempt could copy everything.
        """
        copied = Copied(files=0, bytes=0)

        async def attempt(place: Place, number: int) -> None:
            nonlocal copied
            source = expand(task.source, context.variables)
            destination = expand(task.destination, self._local_variables(context))
            copying = self._session.copies.copying(
                self._session.journal,
                key=f"copy {place['span']}.{number}",
                at=place["at"],
                node=None,
            )
            with needing_threads(), copying as copy:
                copied = await self._session.transport(context.node).get(
                    context.node,
                    source,
                    self._session.working_directory / destination,
                    into=destination.endswith("/"),
                    journal=copy,
                )

        await perform(
            self._session,
            context,
            task,
            started=lambda place, now: GetStarted(
                **place, time=now, source=task.source, destination=task.destination
            ),
            work=lambda place: self._attempts(place, attempt, task.timeout, task.retries),
            finished=lambda place, ending: GetFinished(
                **place, **ending, files=copied.files, bytes=copied.bytes
            ),
        )

    async def wait_for(self, context: Context, task: WaitFor) -> None:
        """Wait until a command succeeds or a port answers.

        Raises:
            TaskFailed: not in time.
        """
        watch = _Watch()
        needs_logs = task.enabled and task.command is not None
        paths = self._assign_logs(context, task) if needs_logs else None
        outputs = self._outputs(context)

        async def work(place: Place) -> None:
            try:
                async with asyncio.timeout(task.timeout.total_seconds()):
                    while not await self._holds(context, task, place, paths, outputs, watch):
                        self._session.raise_if_stopped()  # it may not hold because of that
                        await self._session.clock.sleep(task.interval.total_seconds())
            except TimeoutError:
                self._session.losses[context.node.name] += watch.is_lost
                reason = f"{watch.complaint} within {in_words(task.timeout)}"
                raise TaskFailed(Outcome.TIMEOUT, reason, is_loss=watch.is_lost) from None
            except LogError as error:
                raise TaskFailed(Outcome.FAILED, str(error)) from error
            outputs.check()

        await perform(
            self._session,
            context,
            task,
            started=lambda place, now: WaitForStarted(**place, time=now, **_logs(paths)),
            work=work,
            finished=lambda place, ending: WaitForFinished(
                **place, **ending, **_logs(paths), attempts=watch.attempts
            ),
        )

    async def fail(self, context: Context, task: Fail) -> None:
        """Fail with the user's reason.

        Raises:
            TaskFailed: always, unless the task is not enabled.
        """

        async def work(_place: Place) -> None:
            raise TaskFailed(Outcome.FAILED, task.status)

        await perform(
            self._session,
            context,
            task,
            started=lambda place, now: FailStarted(**place, time=now),
            work=work,
            finished=lambda place, ending: FailFinished(**place, **ending),
        )

    async def _attempts(
        self,
        place: Place,
        attempt: Callable[[Place, int], Awaitable[None]],
        limit: timedelta | None,
        retries: Retries,
    ) -> None:
        """Try until an attempt succeeds or none is left; each may take `limit`."""
        for number in itertools.count(1):
            failure = await self._try(attempt(place, number), limit)
            if failure is None:
                return
            if number > retries.count:
                self._session.losses[place["target"]] += failure.is_loss
                raise failure
            self._emit_attempt_failed(place, number, failure)
            await self._session.clock.sleep(retries.delay.total_seconds())

    async def _try(self, attempt: Awaitable[None], limit: timedelta | None) -> TaskFailed | None:
        try:
            async with asyncio.timeout(seconds(limit)):
                await attempt
        except TimeoutError:
            return TaskFailed(Outcome.TIMEOUT, f"timed out after {in_words(limit)}")
        except TaskError as error:
            self._session.raise_if_stopped()  # it may have failed because of that
            return TaskFailed(Outcome.FAILED, str(error), is_loss=is_loss(error))
        self._session.raise_if_stopped()
        return None

    def _emit_attempt_failed(self, place: Place, number: int, failure: TaskFailed) -> None:
        self._session.recorder.emit(
            AttemptFailed(
                time=self._session.now(),
                span=place["span"],
                at=place["at"],
                target=place["target"],
                step=place["step"],
                tasklist=place["tasklist"],
                task=place["task"],
                attempt=number,
                reason=failure.reason or "",
            )
        )

    async def _run_once(
        self,
        context: Context,
        task: Run,
        paths: LogPaths,
        outputs: Outputs,
        ended: list[Completed],
        place: Place,
        number: int,
    ) -> None:
        ended.clear()
        command = self._command(context, task, place, number)
        ended.append(await self._run_command(context, command, paths, outputs))
        compare(ended[0], task.expected_status)

    def _outputs(self, context: Context) -> Outputs:
        return Outputs(self._session.logs, must_run=context.must_run)

    async def _run_command(
        self, context: Context, command: Command, paths: LogPaths, outputs: Outputs
    ) -> Completed:
        stdout, stderr = outputs.open(paths, target=context.node.name)
        transport = self._session.transport(context.node)
        with needing_threads():
            return await transport.run(context.node, command, stdout=stdout, stderr=stderr)

    async def _holds(
        self,
        context: Context,
        task: WaitFor,
        place: Place,
        paths: LogPaths | None,
        outputs: Outputs,
        watch: _Watch,
    ) -> bool:
        """Look once whether what is waited for has come."""
        watch.attempts += 1
        if task.command is None or paths is None:
            return await self._answers(context, task, watch)
        command = Command(
            identity=f"{place['span']}.{watch.attempts}",
            origin=_origin(place),
            text=task.command,
            environment=context.variables,
        )
        try:
            completed = await self._run_command(context, command, paths, outputs)
        except LogError:
            raise
        except TaskError as error:  # a node that is coming up may refuse for a while
            watch.complaint = str(error)
            watch.is_lost = is_loss(error)
            return False
        watch.is_lost = False
        watch.complaint = f"the command never exited with 0 (last: {describe(completed)})"
        return completed.returncode == 0

    async def _answers(self, context: Context, task: WaitFor, watch: _Watch) -> bool:
        host, port = task.host or "localhost", task.port or 0
        watch.complaint = f"{host}:{port} took no connection"
        return await self._session.transport(context.node).can_connect(context.node, host, port)

    def _assign_logs(self, context: Context, task: Run | WaitFor) -> LogPaths:
        return self._session.logs.assign(
            target=context.node.name, tasklist=context.tasklist, task=task.label
        )

    def _command(self, context: Context, task: Run, place: Place, number: int) -> Command:
        stdin = None
        if task.stdin is not None:
            stdin = self._sources(context, task.stdin, task.at)[0]
        return Command(
            identity=f"{place['span']}.{number}",
            origin=_origin(place),
            text=task.command,
            environment=context.variables,
            directory=task.directory,
            stdin=stdin,
            stop_signal=task.stop_signal,
            leave_running=task.leave_running,
        )

    def _sources(self, context: Context, text: str, at: Location) -> Sequence[Path]:
        """The files of the execution host that a put or stdin means.

        Raises:
            CopyError: there are none.
        """
        source = expand(text, self._local_variables(context))
        working_directory = self._session.working_directory
        beside = Path(at.file).parent
        sources = find_source(source, beside=beside, working_directory=working_directory)
        if not sources:
            raise CopyError(f"the source '{source}' does not exist")
        return sources

    def _local_variables(self, context: Context) -> Mapping[str, str]:
        return {**context.variables, "GPLMT_RUN_DIR": str(self._session.run_directory)}


class _Logs(TypedDict):
    stdout: str | None
    stderr: str | None


def _logs(paths: LogPaths | None) -> _Logs:
    """The fields of an event that name log files."""
    if paths is None:
        return _Logs(stdout=None, stderr=None)
    return _Logs(stdout=paths.stdout, stderr=paths.stderr)


def _origin(place: Place) -> Origin:
    return Origin(
        at=place["at"],
        target=place["target"],
        step=place["step"],
        tasklist=place["tasklist"],
        task=place["task"],
    )


class _Watch:
    """What a wait-for has seen so far."""

    def __init__(self) -> None:
        self.attempts = 0
        self.complaint = "the command did not end"
        self.is_lost = False

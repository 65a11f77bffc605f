"""`gplmt cleanup` from its first node to its last connection: what a dead run owes, done now."""

from __future__ import annotations

import asyncio
import signal

from gplmt.engine.arrears import Arrears
from gplmt.engine.debts import Debts
from gplmt.engine.scopes import Scope
from gplmt.engine.session import Session
from gplmt.engine.tidying import stop_leftovers
from gplmt.events import Outcome, RecoveryFinished, RecoveryStarted, SignalReceived


class Recovery:
    """One cleanup after a run; `interrupt` is what a signal handler calls."""

    def __init__(self, session: Session, debts: Debts) -> None:
        self._session = session
        self._nodes = debts.nodes()
        self._span = session.span()
        self._arrears = Arrears(session, debts, parent=self._span)
        self._scope = Scope()
        self._signals: list[int] = []
        self._is_complete = False

    @property
    def exit_code(self) -> int:
        """0 if nothing failed and nothing is owed any more."""
        if self._signals:
            return 128 + self._signals[0]
        return 0 if self._is_well else 1

    @property
    def outcome(self) -> Outcome:
        """The cleanup as a whole."""
        if self._signals:
            return Outcome.CANCELLED
        return Outcome.OK if self._is_well else Outcome.FAILED

    async def run(self) -> int:
        """Do everything, and give the exit code; the transports are closed then."""
        self._session.recorder.emit(
            RecoveryStarted(time=self._session.now(), span=self._span, targets=tuple(self._nodes))
        )
        try:
            await self._run_and_close()
        finally:
            self._emit_finished()
        return self.exit_code

    def interrupt(self, number: int) -> None:
        """Take a signal: the first stops what runs, the second kills it; what is left is owed."""
        self._signals.append(number)
        name, count = signal.Signals(number).name, len(self._signals)
        self._session.recorder.emit(
            SignalReceived(time=self._session.now(), signal=name, count=count)
        )
        self._session.stopped = Outcome.CANCELLED
        self._scope.cancel()
        if count > 1:
            self._session.shelter.cancel()
            for transport in self._session.transports.values():
                transport.kill()

    async def _run_and_close(self) -> None:
        try:
            async with self._session.shelter, self._scope as scope:
                scope.start(self._work)
        except asyncio.CancelledError:
            if not self._signals:
                raise
        finally:
            await stop_leftovers(self._session)
            for transport in self._session.transports.values():
                await transport.close()

    async def _work(self) -> None:
        await self._arrears.work_off()
        self._is_complete = True

    @property
    def _is_well(self) -> bool:
        arrears = self._arrears
        return self._is_complete and not arrears.tally.failures and not arrears.faults

    def _emit_finished(self) -> None:
        faults = self._arrears.faults
        reasons = [f"{target}: {fault}" for target, fault in faults.items()]
        self._session.recorder.emit(
            RecoveryFinished(
                time=self._session.now(),
                span=self._span,
                outcome=self.outcome,
                reason="; ".join(reasons) or None,
                exit_code=self.exit_code,
                remaining=tuple(faults),
            )
        )

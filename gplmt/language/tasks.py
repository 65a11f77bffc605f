"""What: tasklists and the tasks they hold (LANGUAGE.md 6).

Every task has a `label`, unique in its tasklist: its name, else its element and rank (`run-2`).
Tasks carry tags as a journal writes them down, and tells them apart by these.
"""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct

from gplmt.diagnostics import Location
from gplmt.language.values import OnError


class Retries(Struct, frozen=True, kw_only=True, gc=False):
    """Further attempts after a failure, and the pause before each."""

    count: int = 0
    delay: timedelta = timedelta()


class Run(Struct, frozen=True, kw_only=True, gc=False, tag=True):
    """Hand a text to `/bin/sh -c` on the target."""

    at: Location
    label: str
    command: str
    expected_status: tuple[int, ...] | None = None
    timeout: timedelta | None = None
    retries: Retries = Retries()
    stdin: str | None = None
    directory: str | None = None
    stop_signal: str = "TERM"
    leave_running: bool = False
    enabled: bool = True


class Put(Struct, frozen=True, kw_only=True, gc=False, tag=True):
    """Copy from the execution host to the target; without `keep` the copy goes at the end."""

    at: Location
    label: str
    source: str
    destination: str
    keep: bool = True
    timeout: timedelta | None = None
    retries: Retries = Retries()
    enabled: bool = True


class Get(Struct, frozen=True, kw_only=True, gc=False, tag=True):
    """Copy from the target to the execution host."""

    at: Location
    label: str
    source: str
    destination: str
    timeout: timedelta | None = None
    retries: Retries = Retries()
    enabled: bool = True


class Call(Struct, frozen=True, kw_only=True, gc=False, tag=True):
    """Run another tasklist on the same target; `expects_success` is None where both will do."""

    at: Location
    label: str
    tasklist: str
    expects_success: bool | None = None
    enabled: bool = True


class Fail(Struct, frozen=True, kw_only=True, gc=False, tag=True):
    """Fail, with `status` as the reason."""

    at: Location
    label: str
    status: str
    enabled: bool = True


class WaitFor(Struct, frozen=True, kw_only=True, gc=False, tag=True):
    """Wait until a command exits with 0, or until a TCP port answers; exactly one is given."""

    at: Location
    label: str
    command: str | None = None
    host: str | None = None
    port: int | None = None
    timeout: timedelta = timedelta(seconds=30)
    interval: timedelta = timedelta(seconds=0.5)
    enabled: bool = True


class Seq(Struct, frozen=True, kw_only=True, gc=False, tag=True):
    """Tasks one after another."""

    at: Location
    label: str
    tasks: tuple[Task, ...]
    enabled: bool = True


class Par(Struct, frozen=True, kw_only=True, gc=False, tag=True):
    """Tasks all at once, or `max_parallel` at a time."""

    at: Location
    label: str
    tasks: tuple[Task, ...]
    max_parallel: int | None = None
    enabled: bool = True


Task = Run | Put | Get | Call | Fail | WaitFor | Seq | Par


class Tasklist(Struct, frozen=True, kw_only=True, gc=False):
    """Tasks in sequence under one name, with what their failure means and what cleans up."""

    at: Location
    name: str
    tasks: tuple[Task, ...] = ()
    on_error: OnError = OnError.STOP_TASKLIST
    cleanup: str | None = None
    timeout: timedelta | None = None

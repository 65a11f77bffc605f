"""Stopping what a dead run has left on a host, which nobody guards any more."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from gplmt.transports.processes import MARKER_VARIABLE

# Whom a marker names is stopped, and whole groups only if a marked process is in them: the
# numbers of processes and groups are used again.
_SCRIPT = r"""
PATH=/usr/bin:/bin:$PATH
[ -r /proc/self/environ ] || exit 3
exec 2>/dev/null
find_marked() {
  marked=
  groups=
  for found in $(printf '%s\n' /proc/[0-9]*/environ | xargs grep -lsE "$pattern"); do
    pid=${found#/proc/}
    pid=${pid%/environ}
    IFS= read -r stat <"/proc/$pid/stat" || continue
    name=${stat#*(}
    name=${name%)*}
    set -- ${stat##*)}
    case $1 in
      Z | X) continue ;;
    esac
    marked="$marked $pid"
    case "$told " in
      *" $pid "*) ;;
      *)
        told="$told $pid"
        echo "$pid $name"
        ;;
    esac
    case " $known $pid " in
      *" $3 "*) groups="$groups -$3" ;;
    esac
  done
  [ -n "$marked" ]
}
# Twice, as a process shows no environment while it executes a program.
any_left() {
  find_marked && return
  sleep 0.1 || sleep 1
  find_marked
}
told=
for signal in TERM KILL; do
  tries=0
  any_left || exit 0
  kill -$signal $groups $marked
  while any_left; do
    [ "$tries" -lt "$patience" ] || break
    tries=$((tries + 1))
    sleep 0.1 || sleep 1
    [ "$signal" = TERM ] || kill -KILL $groups $marked
  done
done
any_left || exit 0
exit 1
"""


def survivors_script(
    run_tokens: Sequence[str],
    *,
    groups: Iterable[int],
    markers: Iterable[str],
    grace_seconds: float,
) -> str:
    """A script for `/bin/sh` that stops what bears the marker of one of these runs.

    What was to be left running is spared, save the commands of these `markers`.  `groups` are the
    process groups that commands led.  A line on stdout, `PID NAME`, tells of each process that
    was found.  It exits with 0 if nothing is left, 1 if something cannot be stopped, 3 if it
    cannot look.
    """
    tokens = "|".join(run_tokens)
    unended = "".join(f"|{MARKER_VARIABLE}={marker.replace('.', '[.]')}" for marker in markers)
    pattern = rf"{MARKER_VARIABLE}=({tokens})(\.[0-9]+)?-s{unended}"
    known = " ".join(str(group) for group in groups)
    settings = (
        f"pattern={shlex.quote(pattern)}",
        f"known={shlex.quote(known)}",
        f"patience={max(1, round(grace_seconds * 10))}",
    )
    return "\n".join(settings) + _SCRIPT

"""What removes the files that a killed gplmt was still writing; pure."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from shlex import quote

_DIGIT = "[0-9a-f]"
_ANY = f".gplmt-{_DIGIT * 16}.tmp"

# Given to a shell of its own, which find calls.  What cannot be removed is told by rm.
_DISCARD = r"""
for path do
  rm -rf "$path" 2>/dev/null || { chmod -R u+rwx "$path"; rm -rf "$path"; }
  if [ ! -e "$path" ] && [ ! -L "$path" ]; then
    printf %s "$path" | tr "[:cntrl:]" "?"
    echo
  fi
done
"""

# A directory is taken as a whole; what others have not finished is not entered, nor is a link.
# Where find cannot look, nothing was written.
_SCRIPT = r"""
LC_ALL=C; export LC_ALL
find / -prune -name x -exec true {{}} + || exit
left=0
discard={discard}
find_ours() {{
  directory=$1; shift
  find "$directory" -name '{any}' -prune -name '{ours}' "$@"
}}
below() {{
  if [ -d "$1" ] && [ ! -L "$1" ]; then
    find_ours "$1" -exec sh -c "$discard" sh {{}} +
    [ -z "$(find_ours "$1" -print)" ] || left=1
  fi
}}
beside() {{
  for path in "$1"/{ours}; do
    if [ -e "$path" ] || [ -L "$path" ]; then
      sh -c "$discard" sh "$path"
      if [ -e "$path" ] || [ -L "$path" ]; then left=1; fi
    fi
  done
}}
{calls}
exit $left
"""


def unfinished_script(roots: Sequence[str], stem: str) -> str:
    """What a POSIX shell is told, to remove what has the stem beside and below `roots`.

    `roots` are absolute, as a `CopyJournal` was told.  Links are not followed, and what other runs
    have not finished is not touched.  Each thing removed is a line of stdout; the exit status is 0
    when nothing is left.
    """
    parents = dict.fromkeys(posixpath.dirname(root) for root in roots)
    calls = [
        *(f"beside {quote(parent)}" for parent in parents),
        *(f"below {quote(root)}" for root in dict.fromkeys(roots)),
    ]
    return _SCRIPT.format(
        discard=quote(_DISCARD),
        any=_ANY,
        ours=f".gplmt-{stem}{_DIGIT * 8}.tmp",
        calls="\n".join(calls),
    )

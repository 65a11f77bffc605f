"""Which trees on the execution host gets of a run have brought (LANGUAGE.md 6.3)."""

from __future__ import annotations


class Arrivals:
    """The places of such trees, in which no copy follows a link: a node may have made it.

    Places are absolute paths without links.  May be used in threads.
    """

    def __init__(self) -> None:
        self._roots: set[str] = set()

    def add(self, root: str) -> None:
        """A tree is about to be brought to `root`."""
        self._roots.add(root)

    def hold(self, place: str) -> bool:
        """Whether `place` is one of them, or in one."""
        while place not in self._roots:
            if not place:
                return False
            place = place.rpartition("/")[0]
        return True

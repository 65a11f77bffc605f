"""msgspec imports typing_extensions where it is installed; users may not have it."""

raise ImportError("not installed, as far as the program under test can see")

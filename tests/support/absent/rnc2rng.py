"""lxml imports rnc2rng where it is installed; users have no reason to install it."""

raise ImportError("not installed, as far as the program under test can see")

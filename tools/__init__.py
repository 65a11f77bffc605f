"""Scripts for developers, run by hand and by the tests."""

"""What holds for targets of every kind; the tests of each transport take it in.

A module here has tests that ask for `host` and `hosts`, which mean something else in each folder.
"""

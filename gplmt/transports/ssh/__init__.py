"""Nodes over SSH: the only package that knows asyncssh."""

"""Runs a plan: the only room with task groups."""

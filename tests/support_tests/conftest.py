"""The fixtures that are tested here."""

from tests.support.ssh.fixtures import *  # noqa: F403

"""The output of what a command on a node left running (LANGUAGE.md 6.2).

Dropbear closes a command's channel when its shell ends, and what comes later is lost.
"""

from __future__ import annotations

import pytest

from tests.support.ssh.kinds import CONTRACT, of_kinds
from tests.transports.contracts.lasting import *  # noqa: F403

pytestmark = pytest.mark.parametrize(
    "server", of_kinds(*(kind for kind in CONTRACT if kind != "dropbear")), indirect=True
)

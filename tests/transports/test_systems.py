"""What a host runs, in a line for people."""

from __future__ import annotations

import os

import pytest

from gplmt.transports.systems import describe_system, describe_this_system

KERNEL = "Linux 6.1.0 x86_64"


@pytest.mark.parametrize(
    ("os_release", "shown"),
    [
        (
            'NAME=x\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian',
            "Debian GNU/Linux 12 (bookworm)",
        ),
        ("PRETTY_NAME='OpenWrt 23.05'", "OpenWrt 23.05"),
        ("PRETTY_NAME=Void", "Void"),
        ('PRETTY_NAME="a \\"b\\""', 'a "b"'),
    ],
)
def test_the_distribution_comes_before_the_kernel(os_release: str, shown: str) -> None:
    assert describe_system(KERNEL, os_release.splitlines()) == f"{shown}, {KERNEL}"


@pytest.mark.parametrize("os_release", ["", "NAME=x", 'PRETTY_NAME="x', "PRETTY_NAME=", "#\n="])
def test_without_a_name_of_the_distribution_the_kernel_is_told(os_release: str) -> None:
    assert describe_system(KERNEL, os_release.splitlines()) == KERNEL


def test_what_nothing_is_known_of_is_none() -> None:
    assert describe_system("", ()) is None


def test_this_host_is_described_as_others_are() -> None:
    this = os.uname()
    assert (describe_this_system() or "").endswith(f"{this.sysname} {this.release} {this.machine}")

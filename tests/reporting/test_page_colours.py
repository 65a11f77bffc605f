"""The colours of outcomes on the report page: apart from each other for everybody's eyes."""

from __future__ import annotations

import re
from itertools import combinations
from math import dist
from pathlib import Path

import pytest

import gplmt.reporting.page as page_package
from gplmt.reporting.page.model import OUTCOMES

Colour = tuple[float, float, float]

CSS = (Path(page_package.__file__).parent / "assets/colours.css").read_text()
THEMES = dict(zip(("light", "dark"), CSS.split("@media"), strict=True))
# How linear RGB is seen without one kind of cones: Machado, Oliveira and Fernandes 2009.
EYES = {
    "all cones": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
LEAST_DISTANCE = 12  # in CIELAB; 2 is what can just be told apart side by side


def linear(theme: str, name: str) -> Colour:
    """A colour of the style sheet as linear RGB."""
    found = re.search(rf"--{name}: #(\w\w)(\w\w)(\w\w);", THEMES[theme])
    assert found, name
    shares = (int(digits, 16) / 255 for digits in found.groups())
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares
    )
    return red, green, blue


def seen(colour: Colour, eyes: str) -> Colour:
    red, green, blue = (
        min(1.0, max(0.0, sum(part * share for part, share in zip(row, colour, strict=True))))
        for row in EYES[eyes]
    )
    return red, green, blue


def cielab(colour: Colour) -> Colour:
    red, green, blue = colour
    x, y, z = (
        part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116
        for part in (
            (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047,
            0.2126 * red + 0.7152 * green + 0.0722 * blue,
            (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883,
        )
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("theme", THEMES)
def test_outcomes_have_colours_that_are_told_apart(theme: str, eyes: str) -> None:
    looks = {name: cielab(seen(linear(theme, name), eyes)) for name in OUTCOMES}
    near = {
        (one, other): round(dist(looks[one], looks[other]), 1)
        for one, other in combinations(OUTCOMES, 2)
        if dist(looks[one], looks[other]) < LEAST_DISTANCE
    }
    assert near == {}

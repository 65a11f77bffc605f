"""A real browser without a window, in which pages are opened from disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_SWITCHES = (
    "--headless=new",
    "--no-sandbox",  # root cannot have one
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--force-device-scale-factor=1",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # nothing outside is ever asked
)
_PATIENCE_SECONDS = 20.0


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A browser, for as long as the context lasts; the test is skipped where there is none."""
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    driver_program = shutil.which("chromedriver")
    if program is None or driver_program is None:
        pytest.skip("NO BROWSER TESTED: there is no Chromium with chromedriver")
    options = Options()
    options.binary_location = program
    for switch in _SWITCHES:
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "*")  # chromedriver is here
        driver = webdriver.Chrome(options=options, service=Service(driver_program))
        try:
            yield Browser(driver)
        finally:
            driver.quit()


class Browser:
    """One page at a time; `complaints` are what its console has told."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self._driver = driver

    def open(
        self, path: Path, *, width: int = 1400, height: int = 900, theme: str = "light"
    ) -> None:
        """Open a page from disk, in a window of that size."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.prefer(theme)
        self._driver.get(path.resolve().as_uri())

    def prefer(self, theme: str) -> None:
        """Have the user like it `light` or `dark`."""
        self.command(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": theme}],
        )

    def command(self, name: str, **fields: object) -> dict[str, object]:
        """A command of the DevTools protocol."""
        return cast(dict[str, object], self._driver.execute_cdp_cmd(name, fields))

    def complaints(self) -> list[str]:
        """What the console has told since it was last asked."""
        told = self._driver.execute("getLog", {"type": "browser"})["value"]
        return [str(entry["message"]) for entry in told]

    def find(self, selector: str) -> WebElement:
        """The first element of a CSS selector; waits until it is there."""
        self.until(lambda: self.count(selector))
        return self._driver.find_element(By.CSS_SELECTOR, selector)

    def reveal(self, selector: str) -> WebElement:
        """Scroll to the first element of a CSS selector."""
        element = self.find(selector)
        self._driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        return element

    def count(self, selector: str) -> int:
        """How many elements of a CSS selector there are."""
        script = "return document.querySelectorAll(arguments[0]).length"
        return cast(int, self.run(script, selector))

    def texts(self, selector: str) -> list[str]:
        """The texts of these elements."""
        script = (
            "return [...document.querySelectorAll(arguments[0])].map((each) => each.textContent"
            ".trim().replace(/\\s+/g, ' '))"
        )
        return [str(text) for text in cast(list[object], self.run(script, selector))]

    def run(self, script: str, *arguments: object) -> object:
        """What a script returns."""
        return cast(object, self._driver.execute_script(script, *arguments))

    def run_until_done(self, script: str, *arguments: object) -> object:
        """What a script gives to its last argument, a function."""
        return cast(object, self._driver.execute_async_script(script, *arguments))

    def until(self, condition: Callable[[], object]) -> None:
        """Wait until it holds."""
        WebDriverWait(self._driver, _PATIENCE_SECONDS, poll_frequency=0.02).until(
            lambda _: condition()
        )

    def pointer(self) -> ActionChains:
        """Movements of the pointer, to be performed."""
        return ActionChains(self._driver, duration=20)

    def type(self, selector: str, text: str) -> None:
        """Write into a field, instead of what is there."""
        field = self.find(selector)
        field.clear()
        field.send_keys(text)

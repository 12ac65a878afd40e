"""The screenshots of the docs, made by the browser tests when SCREENSHOTS=1."""

import os
from pathlib import Path

from playwright.sync_api import Page

SCREENSHOTS = Path(__file__).parents[2] / "docs" / "screenshots"


def shoot(page: Page, name: str) -> None:
    """Writes docs/screenshots/NAME.png. Ordinary runs leave the tree as it is."""
    if os.environ.get("SCREENSHOTS") != "1":
        return
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.wait_for_timeout(300)  # fonts and transitions
    page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")

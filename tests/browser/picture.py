"""Photograph a page for the README: ``python tests/browser/picture.py PAGE#PLACE``."""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
JUMP = "document.querySelector(location.hash).scrollIntoView({behavior: 'instant'})"
BINARIES = ["chromium", "chromium-browser", "google-chrome"]


def photograph(place):
    """Write ``book/_static/page.png``: what a reader sees who follows a link."""
    binary = next(filter(None, map(shutil.which, BINARIES)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=binary, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1240, "height": 940})
        page.goto(f"{(ROOT / '_build' / 'html').as_uri()}/{place}")
        page.evaluate("window.MathJax?.startup?.promise")
        # formulas move the place when they are drawn
        page.evaluate(JUMP)
        page.wait_for_timeout(1000)  # the sidebar follows the scroll
        page.screenshot(path=ROOT / "book" / "_static" / "page.png")
        browser.close()


if __name__ == "__main__":
    photograph(sys.argv[1])

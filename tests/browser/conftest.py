"""A browser without network, looking at the built book."""

import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
HTML = ROOT / "_build" / "html"
BINARIES = ["chromium", "chromium-browser", "google-chrome"]
# no sandbox: a container has no user namespaces; the rest keeps the browser silent
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *args):
        """Keep the request log out of the test report."""


class Visit:
    """A page, and everything that went wrong on it."""

    def __init__(self, page, site):
        self.page, self.site, self.wrong = page, site, []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        page.on("requestfailed", lambda r: self.wrong.append(f"failed: {r.url}"))
        page.on("response", self._response)
        page.route("**/*", self._route)

    def _console(self, message):
        if message.type in {"error", "warning"}:
            self.wrong.append(f"console {message.type}: {message.text}")

    def _response(self, response):
        if response.status >= 400:
            self.wrong.append(f"{response.status}: {response.url}")

    def _route(self, route):
        if route.request.url.startswith((self.site, "file:", "data:")):
            route.continue_()
        else:
            self.wrong.append(f"asked the network: {route.request.url}")
            route.abort()

    def open(self, name):
        """Go to a page of the book and wait until its formulas are drawn."""
        self.page.goto(f"{self.site}/{name}")
        self.page.evaluate("window.MathJax?.startup?.promise")  # only where maths is
        return self.page


@pytest.fixture(scope="session")
def html():
    """Folder of the built book."""
    if not (HTML / "index.html").exists():
        pytest.fail(f"there is no book in {HTML}: run `make html` first")
    return HTML


@pytest.fixture(scope="session")
def launch():
    """Start the system's Chromium; all that were started end with the tests."""
    binary = next(filter(None, map(shutil.which, BINARIES)), None)
    if binary is None:
        pytest.skip(
            "chromium not found: install it (Debian: apt-get install chromium)"
            " to run the browser tests"
        )
    with sync_playwright() as playwright:
        started = []

        def start(**settings):
            chromium = playwright.chromium.launch(
                executable_path=binary, args=FLAGS, **settings
            )
            started.append(chromium)
            return chromium

        yield start
        for chromium in started:
            chromium.close()


@pytest.fixture(scope="session")
def browser(launch):
    """Chromium with the fonts of this machine."""
    return launch()


@pytest.fixture(scope="session")
def site(html):
    """Address of a local server over the built book."""
    handler = partial(QuietHandler, directory=str(html))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def new_visit(browser):
    """Open visits with chosen browser settings; close them at the end."""
    contexts = []

    def new(site, on=browser, **settings):
        context = on.new_context(**settings)
        context.set_default_timeout(15_000)
        contexts.append(context)
        return Visit(context.new_page(), site)

    yield new
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def desk(new_visit, site):
    """A wide screen, shared by the tests: the browser keeps what it has loaded."""
    return new_visit(site, viewport={"width": 1300, "height": 900})


@pytest.fixture
def visit(desk):
    """The wide screen with an empty list of complaints."""
    desk.wrong.clear()
    return desk

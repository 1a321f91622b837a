import hashlib
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from threading import Event, Thread
from types import ModuleType

import numpy as np
import pytest

# the package re-exports functions of the same names as this module
registering = import_module("latentomics.data.registry")

BODY = b"line,drug\r" * 20_000  # 200 kB: enough for a bar that moves


@pytest.fixture(scope="session")
def real_data():
    """Skip unless the folder of real files is there."""
    folder = os.environ.get("LATENTOMICS_DATA", "")
    if not os.path.isdir(folder):
        pytest.skip("LATENTOMICS_DATA names no folder with the real files")


@dataclass
class Server:
    """What the local server does, and what it was asked for."""

    url: str
    status: int = 200
    body: bytes = BODY
    promised: int = len(BODY)
    failures: int = 0  # so many requests are cut short before one is served whole
    silence: float = 0.0  # seconds before the first byte
    asked: int = 0

    def reply(self):
        return self.body[:1000] if self.asked <= self.failures else self.body


@pytest.fixture
def server():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            state.asked += 1
            Event().wait(state.silence)
            self.send_response(state.status)
            self.send_header("Content-Length", str(state.promised))
            self.end_headers()
            with suppress(BrokenPipeError):  # a client that gave up is gone
                self.wfile.write(state.reply())

        def log_message(self, *args):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = Server(url=f"http://127.0.0.1:{http.server_port}/toy.csv")
    Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
    yield state
    http.shutdown()
    http.server_close()


@pytest.fixture
def toy(server, monkeypatch, tmp_path):
    """Put one file, `toy`, and one data set of it, `toys`, into the registry."""
    facts = {
        "file": "sub/toy.csv",
        "url": server.url,
        "sha256": hashlib.sha256(BODY).hexdigest(),
        "size": len(BODY),
        "what": "a toy",
        "terms": "none",
        "cite": "nobody",
    }
    dataset = {"what": "", "units": "", "rows": "", "columns": "", "files": ["toy"]}
    toml = {"files": {"toy": facts}, "datasets": {"toys": dataset}}
    monkeypatch.setattr(registering, "_toml", lambda: toml)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # pooch waits in between
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("LATENTOMICS_DATA", raising=False)
    monkeypatch.setenv("LATENTOMICS_CACHE", str(tmp_path / "cache"))
    return facts


@pytest.fixture
def cached(toy, tmp_path):
    """Return where the toy file lies in the cache once it is there."""
    return tmp_path / "cache" / toy["file"]


class Data:
    """Pickles under the name of torch_geometric's class, as the published files do."""

    __module__ = "torch_geometric.data.data"

    def __init__(self, **state):
        self.__dict__ = state


@pytest.fixture
def data_class(monkeypatch):
    """Return a stand-in for ``torch_geometric.data.Data``, importable by its name."""
    module = ModuleType(Data.__module__)
    module.Data = Data
    for name in ("torch_geometric", "torch_geometric.data", Data.__module__):
        monkeypatch.setitem(sys.modules, name, module)
    return Data


@pytest.fixture
def save_object():
    """Write one Python object the way the authors of the CCLE features did."""

    def save(path, content):
        with path.open("wb") as stream:
            np.save(stream, np.array(content, dtype=object), allow_pickle=True)
        return path

    return save

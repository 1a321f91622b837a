import os
import re
import socket
import sys
from importlib import import_module

import pytest

from latentomics.data import DataUnavailable, available, fetch, locate, verify


def left_over(tmp_path):
    return [p for p in tmp_path.rglob("*") if p.is_file()]


def test_a_download_is_whole_alone_and_made_once(server, toy, cached, tmp_path):
    assert fetch("toy") == [cached]
    assert fetch("toys") == [cached]
    assert cached.read_bytes() == server.body
    assert left_over(tmp_path) == [cached]
    assert server.asked == 1


def test_the_progress_bar_ends_at_the_size_of_the_file(toy, capfd):
    fetch("toy")
    shown = capfd.readouterr()
    assert re.search(r"100%\|.*200k/200k", shown.err)
    assert shown.out == ""


def test_the_users_folder_comes_before_cache_and_network(
    server, toy, tmp_path, monkeypatch
):
    fetch("toy")
    own = tmp_path / "own" / toy["file"]
    own.parent.mkdir(parents=True)
    own.write_bytes(server.body)
    monkeypatch.setenv("LATENTOMICS_DATA", str(tmp_path / "own"))
    assert fetch("toy") == [own]
    assert locate("toy") == own
    assert server.asked == 1


@pytest.mark.parametrize("content", [b"short", b"x" * 200_000])
def test_other_bytes_in_the_users_folder_are_refused(
    content, server, toy, tmp_path, monkeypatch
):
    own = tmp_path / toy["file"]
    own.parent.mkdir(parents=True)
    own.write_bytes(content)
    monkeypatch.setenv("LATENTOMICS_DATA", str(tmp_path))
    with pytest.raises(DataUnavailable) as caught:
        fetch("toy")
    for part in (str(own), toy["sha256"], toy["url"], "LATENTOMICS_DATA"):
        assert part in str(caught.value)
    assert locate("toy") is None
    assert verify(["toy"]).loc[0, ["where", "ok"]].tolist() == ["folder", False]
    assert server.asked == 0
    assert own.read_bytes() == content


def test_a_folder_without_the_file_leads_to_the_cache(toy, tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTOMICS_DATA", str(tmp_path))
    [path] = fetch("toy")
    assert path == tmp_path / "cache" / toy["file"]


def test_a_damaged_file_in_the_cache_is_fetched_anew(server, toy, cached):
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"y" * len(server.body))
    assert locate("toy") is None
    assert fetch("toy") == [cached]
    assert cached.read_bytes() == server.body


def test_a_change_after_the_check_is_noticed(server, toy, cached):
    fetch("toy")
    assert locate("toy") == cached
    cached.write_bytes(b"y" * len(server.body))
    os.utime(cached, ns=(0, 0))
    assert locate("toy") is None


def test_a_file_that_did_not_change_is_hashed_once(toy, monkeypatch):
    fetch("toy")
    locate("toy")
    monkeypatch.setattr("hashlib.file_digest", None)
    assert locate("toy")


def test_a_transfer_cut_short_is_started_anew(server, toy, cached):
    server.failures = 2
    assert fetch("toy") == [cached]
    assert cached.read_bytes() == server.body
    assert server.asked == 3


FAILURES = [
    ({"failures": 99}, 30, "the transfer broke off"),
    ({"body": b"z" * 200_000}, 30, "the bytes that came are not the registered ones"),
    ({"status": 404}, 30, "the server answered 404"),
    ({"status": 503}, 30, "the server answered 503"),
    ({"silence": 1.0}, 0.1, "the server was silent for 0.1 s"),
]


@pytest.mark.parametrize(("fault", "timeout", "reason"), FAILURES)
def test_a_failed_download_says_so_and_leaves_nothing(
    fault, timeout, reason, server, toy, tmp_path, monkeypatch
):
    monkeypatch.setattr(import_module("latentomics.data.fetch"), "TIMEOUT", timeout)
    vars(server).update(fault)
    with pytest.raises(DataUnavailable) as caught:
        fetch("toy")
    message = str(caught.value)
    assert f"toy could not be downloaded from {server.url}: {reason}" in message
    assert "`latentomics data fetch toy`" in message
    assert "\n" not in message
    assert left_over(tmp_path) == []
    assert server.asked == 3


def test_the_message_names_the_folder_that_was_looked_in(
    server, toy, tmp_path, monkeypatch
):
    server.status = 404
    monkeypatch.setenv("LATENTOMICS_DATA", str(tmp_path / "mistyped"))
    with pytest.raises(DataUnavailable, match=r"sub/toy.csv into .*/mistyped, named"):
        fetch("toy")


def test_no_network(toy, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        toy["url"] = f"http://127.0.0.1:{free.getsockname()[1]}/toy.csv"
    with pytest.raises(DataUnavailable, match="there is no connection to the server"):
        fetch("toy")
    assert left_over(tmp_path) == []


def test_a_cache_that_cannot_be_written(server, toy, tmp_path, monkeypatch):
    wall = tmp_path / "file"
    wall.write_bytes(b"")
    # a folder under a file cannot be made, not even by root
    monkeypatch.setenv("LATENTOMICS_CACHE", str(wall / "cache"))
    with pytest.raises(DataUnavailable, match="cache folder .* cannot be written"):
        fetch("toy")
    assert left_over(tmp_path) == [wall]
    assert server.asked == 0


def test_ctrl_c_leaves_no_half_file(toy, tmp_path, monkeypatch):
    def interrupted(self, url, output, store):
        with open(output, "wb") as stream:
            stream.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("pooch.HTTPDownloader.__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch("toy")
    assert left_over(tmp_path) == []


def test_asking_what_is_here_downloads_nothing(server, toy, cached):
    assert locate("toy") is None
    assert not available("toys")
    absent = verify().loc[0]
    assert absent.tolist()[:3] == ["toy", "absent", False]
    assert "`latentomics data fetch toy`" in absent["note"]
    assert server.asked == 0
    fetch("toy")
    assert locate("toy") == cached
    assert available("toys")
    assert verify(["toys", "toy"]).to_numpy().tolist() == [["toy", "cache", True, ""]]


def test_verify_names_damage_in_the_cache(toy, cached):
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"rot")
    found = verify().loc[0]
    assert found.tolist()[:3] == ["toy", "cache", False]
    assert "3 bytes" in found["note"]


@pytest.mark.parametrize("ask", [fetch, locate, available, lambda n: verify([n])])
def test_an_unknown_name_is_met_with_the_known_ones(ask, toy):
    with pytest.raises(ValueError, match=r"toys.*toy.*got 'tpy'"):
        ask("tpy")


def test_without_the_extra_the_message_says_what_to_install(toy, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=r"pip install 'latentomics\[data\]'"):
        fetch("toy")


def test_one_name_where_a_list_is_wanted_and_the_reverse():
    with pytest.raises(ValueError, match="names must be a list of names; got 'toy'"):
        verify("toy")
    with pytest.raises(ValueError, match=r"name must be a data set.*got \['toy'\]"):
        fetch(["toy"])

"""Downloads, against a real server that does what servers and networks do."""

import hashlib
import re
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import requests
from locked import no_locks

from nasnet_keras.utils import locks
from nasnet_keras.weights import download
from nasnet_keras.weights.download import DownloadError, fetch

SIGNATURE = b"\x89HDF\r\n\x1a\n"
WEIGHTS = SIGNATURE + np.random.default_rng(0).bytes(200_000)
HALF = 100_000
PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"
NAME = "a.weights.h5"


class Server(ThreadingHTTPServer):
    """Answers the first requests as `script` says, the others by `otherwise`, and writes them all down."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.requests, self.released = {"/a.h5": WEIGHTS}, [], threading.Event()
        self.script, self.otherwise = [], serve()
        self.base = f"http://127.0.0.1:{self.server_port}"
        self.url = f"{self.base}/a.h5"

    @property
    def ranges(self):
        return [headers["Range"] for _, headers in self.requests]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append((self.path, self.headers))
        (self.server.script.pop(0) if self.server.script else self.server.otherwise)(self)

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in {"Content_Length": len(body), **headers}.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve(cut=None, stall=False, ranges=True):
    """What a good server does; `cut`: it closes the connection before that byte, or with `stall` falls silent."""

    def answer(handler):
        whole = handler.server.files[handler.path]
        found = re.fullmatch(r"bytes=(\d+)-", handler.headers["Range"] or "") if ranges else None
        start = int(found[1]) if found else 0
        if start >= len(whole):
            handler.answer(416, Content_Range=f"bytes */{len(whole)}")
            return
        headers = {"Content_Type": "application/octet-stream", "Content_Length": len(whole) - start}
        if found:
            headers["Content_Range"] = f"bytes {start}-{len(whole) - 1}/{len(whole)}"
        handler.answer(206 if found else 200, whole[start:cut], **headers)
        if stall:
            handler.server.released.wait(10)

    return answer


def send(status, body=b"", **headers):
    return lambda handler: handler.answer(status, body, **headers)


def chunked(content, ends=True):
    """HTTP's chunked encoding, which tells no length but says when the end has come."""

    def answer(handler):
        handler.protocol_version, handler.close_connection = "HTTP/1.1", True
        handler.answer(200, Content_Length=None, Transfer_Encoding="chunked")
        for start in range(0, len(content), 10_000):
            piece = content[start : start + 10_000]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if ends:
            handler.wfile.write(b"0\r\n\r\n")

    return answer


@pytest.fixture(autouse=True)
def fresh_keras():
    """Instead of the one of `conftest.py`: nothing here uses Keras."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("MIRROR", "OFFLINE"):
        monkeypatch.delenv(f"NASNET_KERAS_{name}", raising=False)
    monkeypatch.setattr(download, "_PAUSE", 0.005)
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return tmp_path / "models"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def get(server, **changes):
    return fetch(server.url, NAME, **{"size": len(WEIGHTS), "sha256": sha256(WEIGHTS), **changes})


def kept(cache):
    """What is in the cache, but for the lock."""
    return sorted(path.name for path in cache.iterdir() if path.suffix != ".lock")


def leave_part(cache, content):
    cache.mkdir()
    (cache / f"{NAME}.part").write_bytes(content)


KNOWN = [
    {},
    {"size": None},
    {"sha256": None, "md5": hashlib.md5(WEIGHTS).hexdigest().upper()},
    {"size": None, "sha256": None, "md5": hashlib.md5(WEIGHTS).hexdigest()},
]


@pytest.mark.parametrize("known", KNOWN)
def test_a_file_is_downloaded_once(known, server, cache, capfd):
    assert get(server, **known) == cache / NAME
    assert (cache / NAME).read_bytes() == WEIGHTS and kept(cache) == [NAME]
    assert NAME in capfd.readouterr().err  # the bar
    assert get(server, **known) == cache / NAME
    assert len(server.requests) == 1 and capfd.readouterr().err == ""


def test_a_user_without_a_home_keeps_files_all_the_same(monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    assert download.cache() == Path("/tmp/.keras/models")


def test_a_folder_of_ones_own(server, cache, tmp_path):
    assert get(server, folder=tmp_path / "mine") == tmp_path / "mine" / NAME and not cache.exists()


@pytest.mark.parametrize("size", [len(WEIGHTS), None])
@pytest.mark.parametrize("stall", [False, True])
def test_what_is_cut_off_or_stalls_goes_on_where_it_stopped(stall, size, server, cache, monkeypatch):
    monkeypatch.setattr(download, "_TIMEOUT", 0.3)
    server.script = [serve(cut=HALF, stall=stall)]
    assert get(server, size=size).read_bytes() == WEIGHTS
    first, second = server.ranges[:2]
    assert first is None
    # what was in a buffer when the connection broke is asked for again
    assert HALF - download._CHUNK < int(second.removeprefix("bytes=").rstrip("-")) <= HALF


@pytest.mark.parametrize("size", [len(WEIGHTS), None])
def test_chunked_answers(size, server, cache):
    server.script = [chunked(WEIGHTS[:HALF], ends=False)]
    assert get(server, size=size).read_bytes() == WEIGHTS and len(server.requests) == 2
    (cache / NAME).unlink()
    server.script, server.requests = [chunked(WEIGHTS)], []
    assert get(server, size=size).read_bytes() == WEIGHTS and len(server.requests) == 1
    (cache / NAME).unlink()
    server.otherwise = chunked(WEIGHTS + b"tail")
    with pytest.raises(DownloadError, match="more than the expected|has SHA256"):
        get(server, size=size)
    assert kept(cache) == []


def test_many_cuts_are_overcome_as_long_as_each_brings_something(server, cache):
    server.script = [serve(cut=cut) for cut in range(40_000, 200_000, 40_000)]
    assert get(server).read_bytes() == WEIGHTS
    assert len(server.requests) == 5 > download._ATTEMPTS


@pytest.mark.parametrize("size", [len(WEIGHTS), None])
def test_giving_up_keeps_what_came_for_a_later_call(size, server, cache):
    server.otherwise = serve(cut=HALF)
    with pytest.raises(DownloadError, match=r"4 attempts brought nothing more") as caught:
        get(server, size=size)
    assert str(cache / NAME) in str(caught.value) and sha256(WEIGHTS) in str(caught.value)
    had = (cache / f"{NAME}.part").stat().st_size
    assert kept(cache) == [f"{NAME}.part"] and HALF - download._CHUNK < had <= HALF
    server.otherwise, server.requests = serve(), []
    assert get(server, size=size).read_bytes() == WEIGHTS
    assert server.ranges == [f"bytes={had}-"] and kept(cache) == [NAME]


def test_a_server_that_is_not_there(server, cache):
    server.server_close()
    with pytest.raises(DownloadError, match=r"4 attempts .*Get http://127.*put it at .*a\.weights\.h5, .*weights=PATH"):
        get(server)


@pytest.mark.parametrize("known", KNOWN)
def test_wrong_bytes_are_not_kept(known, server, cache):
    wrong = SIGNATURE + bytes(len(WEIGHTS) - 8)
    server.files["/a.h5"] = wrong
    with pytest.raises(DownloadError, match=r"has (SHA256|MD5) \w+, expected \w+") as caught:
        get(server, **known)
    if "md5" not in known:
        assert sha256(wrong) in str(caught.value) and sha256(WEIGHTS) in str(caught.value)
    assert kept(cache) == [] and len(server.requests) == 1
    server.files["/a.h5"] = WEIGHTS
    assert get(server, **known).read_bytes() == WEIGHTS


@pytest.mark.parametrize("stated", [HALF, None])
def test_a_truncated_file_with_the_right_headers(stated, server, cache):
    """`None`: the end of the connection is the end of the file."""
    server.otherwise = send(200, WEIGHTS[:HALF], Content_Length=stated)
    with pytest.raises(DownloadError, match="100,000 .*200,008 bytes|has 100,000 bytes, expected 200,008"):
        get(server)
    if stated:
        assert kept(cache) == [] and len(server.requests) == 1
    with pytest.raises(DownloadError, match="expected"):
        get(server, size=None)
    assert kept(cache) == []


@pytest.mark.parametrize("stated", [len(WEIGHTS) + 5, None])
def test_more_than_the_stated_size_is_cut_off(stated, server, cache):
    server.otherwise = send(200, WEIGHTS + b"abcde", Content_Length=stated)
    with pytest.raises(DownloadError, match="more than the expected 200,008 bytes|has 200,013 bytes, expected 200,008"):
        get(server)
    assert kept(cache) == []


@pytest.mark.parametrize("size", [len(WEIGHTS), None])
@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "Text/HTML", "application/octet-stream", None])
def test_a_page_instead_of_weights(kind, size, server, cache):
    server.script = [send(200, b"\n" + PAGE, Content_Type=kind)]
    with pytest.raises(DownloadError, match=r"HTML page instead of weights \(a proxy or login page\?\)"):
        get(server, size=size)
    assert kept(cache) == [] and len(server.requests) == 1


def test_a_page_in_the_middle_does_not_spoil_what_came(server, cache):
    leave_part(cache, WEIGHTS[:HALF])
    server.script = [send(200, PAGE, Content_Type="text/html")]
    with pytest.raises(DownloadError, match="HTML page"):
        get(server)
    assert get(server).read_bytes() == WEIGHTS and server.ranges[1] == f"bytes={HALF}-"


@pytest.mark.parametrize("body", [b"", b"PK\x03\x04 a zip", b'{"error": "quota"}'])
def test_something_else_instead_of_weights(body, server, cache):
    server.otherwise = send(200, body)
    with pytest.raises(DownloadError, match="sent no weights|expected"):
        get(server)
    with pytest.raises(DownloadError, match="sent no weights|expected"):
        get(server, size=None)
    assert kept(cache) == []


@pytest.mark.parametrize("number", [400, 401, 403, 404, 410])
def test_no_is_no(number, server, cache):
    server.script = [send(number, b"no")]
    with pytest.raises(DownloadError, match=f"HTTP {number}"):
        get(server)
    assert kept(cache) == [] and len(server.requests) == 1


@pytest.mark.parametrize("number", [429, 500, 503])
def test_a_busy_server_is_asked_again(number, server, cache):
    server.script = [send(number, PAGE, Content_Type="text/html")] * 2
    assert get(server).read_bytes() == WEIGHTS and len(server.requests) == 3
    (cache / NAME).unlink()
    server.otherwise = send(number)
    with pytest.raises(DownloadError, match=f"HTTP {number} .*4 attempts"):
        get(server)


def test_a_server_without_ranges_starts_over(server, cache):
    server.script = [serve(cut=HALF), serve(ranges=False)]
    assert get(server).read_bytes() == WEIGHTS and len(server.requests) == 2
    leave_part(cache.parent / "other", WEIGHTS[:HALF])
    server.otherwise, server.requests = serve(cut=HALF, ranges=False), []
    with pytest.raises(DownloadError, match="4 attempts"):
        get(server, folder=cache.parent / "other")
    assert len(server.requests) == 4


STALE = {
    "of another file": SIGNATURE + bytes(HALF),
    "longer than the file": WEIGHTS + b"tail",
    "as long as the file": SIGNATURE + bytes(len(WEIGHTS) - 8),
    "a page": PAGE,
}


@pytest.mark.parametrize("size", [len(WEIGHTS), None])
@pytest.mark.parametrize("stale", STALE)
def test_a_stale_part_is_started_over(stale, size, server, cache):
    leave_part(cache, STALE[stale])
    assert get(server, size=size).read_bytes() == WEIGHTS and kept(cache) == [NAME]
    assert server.ranges[-1] is None and len(server.requests) <= 2
    server.files["/a.h5"] = SIGNATURE + bytes(len(WEIGHTS))  # a stale part and a wrong file: once over, then no more
    (cache / NAME).rename(cache / f"{NAME}.part")
    server.requests = []
    with pytest.raises(DownloadError, match="expected"):
        get(server, size=size, sha256=sha256(b"something else"))
    assert kept(cache) == [] and len(server.requests) <= 2


@pytest.mark.parametrize("size", [len(WEIGHTS), None])
def test_a_whole_part_needs_no_download(size, server, cache):
    leave_part(cache, WEIGHTS)
    assert get(server, size=size).read_bytes() == WEIGHTS and kept(cache) == [NAME]
    assert server.ranges == ([] if size else [f"bytes={len(WEIGHTS)}-"])  # answered 416


@pytest.mark.parametrize(
    "extent", [None, "bytes 7-200007/200008", f"bytes {HALF}-200007/300000", "pages 1-2/3", "bytes */200008"]
)
def test_another_part_than_asked_for_is_not_taken(extent, server, cache):
    leave_part(cache, WEIGHTS[:HALF])
    server.script = [send(206, WEIGHTS[HALF:], Content_Range=extent)]
    assert get(server).read_bytes() == WEIGHTS and server.ranges == [f"bytes={HALF}-", None]


def test_a_part_of_unknown_whole_is_taken(server, cache):
    leave_part(cache, WEIGHTS[:HALF])
    server.script = [send(206, WEIGHTS[HALF:], Content_Range=f"bytes {HALF}-200007/*")]
    assert get(server, size=None).read_bytes() == WEIGHTS and len(server.requests) == 1


def test_redirects(server, cache):
    server.script = [send(302, Location="/b.h5")]
    server.files["/b.h5"] = WEIGHTS
    assert get(server).read_bytes() == WEIGHTS
    assert [path for path, _ in server.requests] == ["/a.h5", "/b.h5"]
    for target in ("file:///etc/hostname", "ftp://127.0.0.1/a.h5"):
        (cache / NAME).unlink(missing_ok=True)
        server.script, server.requests = [send(302, Location=target)], []
        with pytest.raises(DownloadError, match=re.escape(target)):
            get(server)
        assert kept(cache) == []
    server.otherwise, server.requests = send(302, Location="/a.h5"), []
    with pytest.raises(DownloadError, match="redirects"):
        get(server)


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_mirror_replaces_the_source(slash, server, cache, monkeypatch):
    monkeypatch.setenv("NASNET_KERAS_MIRROR", f"{server.base}/mirror/of{slash}")
    server.files["/mirror/of/a.h5"] = WEIGHTS
    known = {"size": len(WEIGHTS), "sha256": sha256(WEIGHTS)}
    assert fetch("https://nowhere.invalid/x/a.h5?download=1", NAME, **known).read_bytes() == WEIGHTS
    (cache / NAME).unlink()
    server.files["/mirror/of/a.h5"] = SIGNATURE + bytes(len(WEIGHTS) - 8)
    with pytest.raises(DownloadError, match=r"mirror/of/a\.h5 has SHA256 .*Get https://nowhere\.invalid/x/a\.h5"):
        fetch("https://nowhere.invalid/x/a.h5", NAME, **known)
    monkeypatch.setenv("NASNET_KERAS_MIRROR", "/mnt/mirror")
    with pytest.raises(DownloadError, match="expected an http or https URL, got '/mnt/mirror/a.h5'"):
        get(server)


SECRETS = ("s3cret", "s3%40cret", "s3@cret", "t0ken", "user:")


def everything(error):
    """All that an error can tell, with what it came from and what it was raised within."""
    texts = []
    while error is not None:
        texts += [str(error), repr(error), *map(repr, error.args)]
        error = error.__cause__ or error.__context__
    return "".join(texts)


@pytest.mark.parametrize("size", [len(WEIGHTS), None])
@pytest.mark.parametrize(
    "answer",
    [
        send(404),
        send(503),
        send(302, Location="ftp://user:s3cret@127.0.0.1/a.h5"),
        send(302, Location="http://user:s3cret@127.0.0.1:1/a.h5?sign=t0ken"),
        send(302, Location="http://user:s3cret@[/a.h5"),
        send(302, Location="http://user:s3cret@%zz:abc/a.h5"),
        send(200, PAGE),
        send(200, SIGNATURE),
        send(206, WEIGHTS, Content_Range="bytes 7-9/10"),
        send(200, WEIGHTS, Content_Length="9" * 5000),
        chunked(WEIGHTS[:HALF], ends=False),
    ],
)
def test_no_message_tells_a_password(answer, size, server, cache, monkeypatch, capfd, caplog):
    caplog.set_level("DEBUG")
    monkeypatch.setenv("NASNET_KERAS_MIRROR", server.base.replace("//", "//user:s3%40cret@"))
    server.otherwise = answer
    with pytest.raises(DownloadError) as caught:
        fetch("https://user:s3cret@nowhere.invalid/a.h5?sign=t0ken", NAME, sha256=sha256(WEIGHTS), size=size)
    said = everything(caught.value) + "".join(capfd.readouterr())
    assert not any(secret in said for secret in SECRETS), said
    assert "s3" not in caplog.text and "Get https://nowhere.invalid/a.h5 (" in said
    assert {headers["Authorization"] for _, headers in server.requests} == {"Basic dXNlcjpzM0BjcmV0"}


@pytest.mark.parametrize(
    "mirror",
    [
        "http://[",
        "http://user:s3cret@[",
        "http://user:s3cret@host:port",
        "http://user:s3/cret@host",
        "http://user:12/s3cret@host",
        "user:s3cret@host/x",
        "ftp://user:s3cret@host/x",
        "http://user:s3cret@*.x",
        "http://user:s3cret@a..b",
        "http://user:s3cret@" + "a" * 300,
        "http://user:s3cret@127.0.0.1:99999",
        "http://user:s3cret@127.0.0.1:1/a b\x00\n",
        "http://user:s3cret\u20ac@127.0.0.1:1",
        "http://user:s3cret@\udcff",
        "http://",
        "/",
        "\x00",
    ],
)
def test_a_mirror_that_cannot_be_used(mirror, server, cache, monkeypatch):
    monkeypatch.setattr(download.os, "environ", {**download.os.environ, "NASNET_KERAS_MIRROR": mirror})
    with pytest.raises(DownloadError) as caught:
        fetch("https://nowhere.invalid/a.h5", NAME, sha256=sha256(WEIGHTS))
    said = everything(caught.value)
    assert "s3" not in said and "cret" not in said.replace("secret", ""), said


def test_what_has_no_known_size_has_a_bound(server, cache, monkeypatch):
    monkeypatch.setattr(download, "_LARGEST", 100_000)
    for answer in (serve(), chunked(WEIGHTS), send(200, WEIGHTS, Content_Length=None), send(200, WEIGHTS[:9])):
        server.otherwise = answer
        with pytest.raises(DownloadError, match="expected at most 100,000 bytes|has SHA256"):
            get(server, size=None)
        assert kept(cache) == []
    server.otherwise = serve()
    assert get(server).read_bytes() == WEIGHTS, "a known size is its own bound"


def test_no_server_is_followed_to_what_is_less_safe():
    for start, target, refused in (
        ("https://a/b", "http://a/c", True),
        ("https://a/b", "/c", False),
        ("http://a/b", "https://a/c", False),
        ("http://a/b", "//c/d", False),
        ("http://a/b", "data:,x", True),
    ):
        answer = requests.Response()
        answer.status_code, answer.url, answer.headers["Location"] = 302, start, target
        if refused:
            with pytest.raises(OSError, match="leads to .*: refused"):
                download._check_redirect(answer)
        else:
            download._check_redirect(answer)


def test_a_file_system_without_locks(server, cache, monkeypatch):
    monkeypatch.setattr(locks, "lock_descriptor", no_locks)
    with pytest.warns(UserWarning, match="has no locks: download with one process at a time"):
        assert get(server).read_bytes() == WEIGHTS


def test_offline(server, cache, monkeypatch):
    monkeypatch.setenv("NASNET_KERAS_OFFLINE", "1")
    with pytest.raises(DownloadError, match="is missing; NASNET_KERAS_OFFLINE is set") as caught:
        get(server)
    for part in (server.url, sha256(WEIGHTS), str(cache / NAME), "200,008 bytes", "weights=PATH"):
        assert part in str(caught.value)
    assert not cache.exists()
    cache.mkdir()
    (cache / NAME).write_bytes(WEIGHTS)
    assert get(server) == cache / NAME
    (cache / NAME).write_bytes(WEIGHTS[:-1] + b"?")
    with pytest.raises(DownloadError, match="damaged, or another file; NASNET_KERAS_OFFLINE is set"):
        get(server)
    assert server.requests == []
    monkeypatch.setenv("NASNET_KERAS_OFFLINE", "0")
    with pytest.warns(UserWarning, match="downloaded again"):
        assert get(server).read_bytes() == WEIGHTS


@pytest.mark.parametrize("damaged", [b"", WEIGHTS[:-1], WEIGHTS[:-1] + b"?"])
def test_a_damaged_file_in_the_cache_is_replaced(damaged, server, cache):
    cache.mkdir()
    (cache / NAME).write_bytes(damaged)
    with pytest.warns(UserWarning, match=r"a\.weights\.h5 has .*downloaded again"):
        assert get(server).read_bytes() == WEIGHTS
    assert kept(cache) == [NAME]


def test_a_cache_that_cannot_be_written_is_used_if_it_has_the_file(server, cache):
    cache.write_bytes(b"")  # a file where the folder should be
    with pytest.raises(DownloadError, match="cannot download"):
        get(server)
    cache.unlink()
    cache.mkdir()
    (cache / NAME).write_bytes(WEIGHTS)
    assert get(server) == cache / NAME and [path.name for path in cache.iterdir()] == [NAME]  # no lock
    (cache / NAME).unlink()
    (cache / NAME).mkdir()
    with pytest.warns(UserWarning), pytest.raises(DownloadError, match="cannot download .*directory"):
        get(server)


@pytest.mark.parametrize("name", ["../a.h5", "/tmp/a.h5", "x/a.h5", "a.h5/", "..", ".", ""])
def test_a_name_with_a_folder_is_refused(name, server, cache):
    with pytest.raises(DownloadError, match="bare name"):
        fetch(server.url, name, sha256=sha256(WEIGHTS))
    assert server.requests == [] and not cache.exists()


def test_other_sources_and_no_hash_are_refused(server, cache):
    for url in ("file:///etc/hostname", "ftp://example.org/a.h5", "a.h5", ""):
        with pytest.raises(DownloadError, match="expected an http or https URL"):
            fetch(url, NAME, sha256=sha256(WEIGHTS))
    with pytest.raises(DownloadError, match="cannot download"):
        fetch("http://", NAME, sha256=sha256(WEIGHTS))
    with pytest.raises(ValueError, match="give its sha256"):
        fetch(server.url, NAME)
    assert not cache.exists() or kept(cache) == []


def test_two_at_once_ask_once(server, cache):
    def slowly(handler):
        started.set()
        server.released.wait(10)
        serve()(handler)

    started, results = threading.Event(), []
    server.script = [slowly]
    threads = [threading.Thread(target=lambda: results.append(get(server).read_bytes())) for _ in range(2)]
    threads[0].start()
    assert started.wait(10)
    threads[1].start()
    time.sleep(0.2)
    server.released.set()
    for thread in threads:
        thread.join(10)
    assert results == [WEIGHTS, WEIGHTS] and len(server.requests) == 1


def test_a_killed_process_is_taken_up(server, cache):
    code = (
        f"from nasnet_keras.weights.download import fetch; fetch({server.url!r}, {NAME!r}, sha256={sha256(WEIGHTS)!r})"
    )
    server.script = [serve(cut=HALF, stall=True)]
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    part = cache / f"{NAME}.part"
    deadline = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size > HALF // 2):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    had = part.stat().st_size
    assert get(server).read_bytes() == WEIGHTS
    assert server.ranges == [None, f"bytes={had}-"]


def test_no_keras_is_needed():
    code = "import sys, nasnet_keras.weights.download; sys.exit(bool({'keras', 'tensorflow'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0

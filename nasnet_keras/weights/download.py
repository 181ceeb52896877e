"""Files of weights from the network into Keras' cache: checked, taken up again when cut off, never half there."""

import os
import re
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

import requests
from urllib3.exceptions import HTTPError

from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.files import mismatch
from nasnet_keras.utils.locks import LockedFile, NoLocksError
from nasnet_keras.utils.progress import Progress

__all__ = ["DownloadError", "cache", "fetch"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"  # HDF5 file format specification, II.A
_CHUNK = 1 << 15
_LARGEST = 4 << 30  # bytes of a file whose size is not known: ten times NASNet's largest weights
_TIMEOUT = 30.0  # seconds to connect, and without a byte
_ATTEMPTS = 4  # in a row that bring nothing
_SECRETS = re.compile(r"(?<=//)[^/\s]*@|\?[^\s'\"=]+=[^\s'\"]*")  # within texts of libraries: see `_shown`
_PAUSE = 0.5  # seconds between attempts; doubled after each that brings nothing


class DownloadError(OSError):
    """A file cannot be had; the error says which one to put where."""


class _CutOffError(OSError):
    """The server has more, and may give it when asked again."""


class _WrongContentError(OSError):
    """What came is not the file."""


_PASSING = (_CutOffError, requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


@dataclass(frozen=True)
class _Wanted:
    """A file: where it comes from, where it goes, and how it is told from others."""

    source: str
    path: Path
    size: int | None
    algorithm: str
    digest: str
    password: tuple[bytes, bytes] | None = field(repr=False)  # and the name before it

    @property
    def part(self) -> Path:
        return self.path.with_name(f"{self.path.name}.part")

    def problem(self, path: Path) -> str | None:
        """Why the file at `path` cannot be used, or None."""
        return mismatch(path, size=self.size, **{self.algorithm: self.digest})


def fetch(
    url: str,
    name: str,
    *,
    size: int | None = None,
    sha256: str | None = None,
    md5: str | None = None,
    folder: Path | None = None,
) -> Path:
    """The path of a file of weights in Keras' cache, downloaded when it is not there.

    The download goes to `NAME.part` and is checked before it gets its name. One that was cut off goes on where it
    stopped, in this call or a later one; a second process waits for the first. A damaged file in the cache is
    replaced. Environment variables: `NASNET_KERAS_MIRROR`, the URL of a folder to get the file from instead, maybe with
    `NAME:PASSWORD@`, which no message shows; `NASNET_KERAS_OFFLINE=1`, never to use the network; those for proxies.
    No server is followed from https to http.

    Args:
        url: http or https.
        name: of the file in the cache, without a folder.
        size: in bytes, where it is known; else no more than 4 GiB are taken.
        sha256: hexadecimal.
        md5: hexadecimal, for files that are published with nothing better.
        folder: instead of `models` in Keras' cache (`KERAS_HOME`, by default `~/.keras`).

    Raises:
        DownloadError: the file cannot be had, or what came is not the file. Nothing wrong is kept.
        ValueError: neither hash is given.

    Example:
        >>> from nasnet_keras.utils.files import digest
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "a.weights.h5")
        ...     _ = path.write_bytes(b"weights")
        ...     known = digest(path, "sha256")
        ...     fetch("https://example.org/a.weights.h5", path.name, sha256=known, folder=path.parent) == path
        True
    """
    if not sha256 and not md5:
        raise ValueError(f"cannot check {name}: give its sha256, or its md5")
    if Path(name).name != name or name in ("", ".", ".."):
        raise DownloadError(f"expected the bare name of a file in the cache, got {quoted(name)}")
    algorithm, expected = ("sha256", sha256) if sha256 else ("md5", md5)
    source, password = _source(url)
    wanted = _Wanted(source, (folder or cache()) / name, size, algorithm, expected.lower(), password)
    try:
        if problem := wanted.problem(wanted.path):
            if os.environ.get("NASNET_KERAS_OFFLINE", "").lower() not in ("", "0", "false", "no", "off"):
                raise OSError(f"{wanted.path} {problem}; NASNET_KERAS_OFFLINE is set")
            if wanted.path.exists():
                warnings.warn(f"{wanted.path} {problem}; it is downloaded again", stacklevel=2)
            wanted.path.parent.mkdir(parents=True, exist_ok=True)
            with _alone(wanted.path.with_name(f"{name}.lock")):
                if wanted.problem(wanted.path):  # another process may have been first
                    _download(wanted)
                    wanted.part.replace(wanted.path)
        return wanted.path
    except (OSError, ValueError, HTTPException, HTTPError) as error:  # the last three: a URL that nobody can use
        reason = _SECRETS.sub("", str(error))
    # Not within the `except`: what went wrong there may hold a password.
    known = f"{algorithm.upper()} {expected}" + (f", {size:,} bytes" if size is not None else "")
    raise DownloadError(
        f"cannot download {name} ({reason}). Get {_shown(url)} ({known}) on a machine with a network and put it at "
        f"{wanted.path}, or anywhere and give weights=PATH"
    )


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """While other processes wait that lock the same file, where the file system has locks."""
    try:
        lock = LockedFile(path, wait=True)
    except NoLocksError as error:
        warnings.warn(f"{error}: download with one process at a time", stacklevel=4)
        yield
        return
    try:
        yield
    finally:
        lock.close()


def _source(url: str) -> tuple[str, tuple[bytes, bytes] | None]:
    """Where `url` is to be had, there or at the mirror, and the name and password for it."""
    try:
        if mirror := os.environ.get("NASNET_KERAS_MIRROR"):
            url = f"{mirror.rstrip('/')}/{PurePosixPath(urlsplit(url).path).name}"
        parts = urlsplit(url)
        legal = parts.scheme in ("http", "https") and parts.port != 0
        legal = legal and not (mirror and "@" in parts.path)  # what a slash in a password cuts off
    except ValueError:
        legal = False
    if not legal:
        harmless = url.rpartition("@")[2].partition("?")[0]
        raise DownloadError(
            f"expected an http or https URL, got {quoted(harmless)}; a password has %2F for / and %40 for @"
        )
    found = parts.username is not None
    password = tuple(unquote(part or "").encode() for part in (parts.username, parts.password)) if found else None
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])), password


def _shown(url: str) -> str:
    """A URL for people, without what may be secret in it: a name, a password, and a query, which may be a signature."""
    try:
        parts = urlsplit(url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    except ValueError:
        return "what is no URL"


def cache() -> Path:
    """Where Keras keeps weights; it is not asked, because importing it takes seconds."""
    if chosen := os.environ.get("KERAS_HOME"):
        return Path(chosen).expanduser() / "models"
    try:
        writable = os.access(home := Path.home(), os.W_OK)
    except RuntimeError:  # a user whom the machine does not know, as in some containers
        writable = False
    return (home if writable else Path("/tmp")) / ".keras" / "models"


def _download(wanted: _Wanted) -> None:
    """Ask until the `.part` is the whole file. It is started over once, as bytes of earlier answers may be wrong."""
    furthest, failures, again = _length(wanted.part), 0, True
    with Progress(desc=wanted.path.name, initial=furthest, unit="B", unit_scale=True) as bar:
        while True:
            had = _length(wanted.part)
            try:
                if wanted.size is None or had < wanted.size:
                    _ask(wanted, had, bar)
                if problem := wanted.problem(wanted.part):
                    raise _WrongContentError(f"what came from {_shown(wanted.source)} {problem}")
                return
            except _WrongContentError:
                wanted.part.unlink(missing_ok=True)
                if not (had and again):
                    raise
                furthest, failures, again = 0, 0, False
            except _PASSING as error:
                reached = _length(wanted.part)
                failures = 0 if reached > furthest else failures + 1
                if failures == _ATTEMPTS:
                    raise OSError(f"{error}; {failures} attempts brought nothing more") from error
                furthest = max(furthest, reached)
                time.sleep(_PAUSE * 2**failures)


def _ask(wanted: _Wanted, had: int, bar: Progress) -> None:
    """Put one answer of the server behind the first `had` bytes, or in their place if it starts at zero."""
    headers = {"Accept-Encoding": "identity"}  # a range counts bytes as they are sent
    if had:
        headers["Range"] = f"bytes={had}-"
    options = {"headers": headers, "auth": wanted.password, "hooks": {"response": _check_redirect}}
    with requests.get(wanted.source, stream=True, timeout=_TIMEOUT, **options) as answer:
        if answer.status_code == 416 and had:
            return  # there is nothing more: the hash tells whether it is the file
        _check_status(answer)
        reached, total = _extent(answer)
        if reached not in (0, had):
            raise _WrongContentError(f"{_shown(answer.url)} sent bytes from {reached:,}, asked for {had:,}")
        chunks = answer.iter_content(_CHUNK)
        chunk = next(chunks, b"")
        if reached == 0 and chunk[: len(_SIGNATURE)] != _SIGNATURE[: len(chunk)]:
            raise _WrongContentError(_not_weights(_shown(answer.url), chunk))
        end = total if wanted.size is None else wanted.size
        most = _LARGEST if wanted.size is None else wanted.size
        if (total or 0) > most or (wanted.size is not None and total not in (None, end)):
            raise _WrongContentError(f"{_shown(answer.url)} has {total:,} bytes, expected {_expected(wanted)}")
        with wanted.part.open("ab") as file:
            file.truncate(reached)
            while chunk:
                reached += len(chunk)
                if reached > most:
                    raise _WrongContentError(f"{_shown(answer.url)} sent more than the expected {_expected(wanted)}")
                file.write(chunk)
                bar.reach(reached, end)
                chunk = next(chunks, b"")
            file.flush()
            os.fsync(file.fileno())
    if end is not None and reached < end:
        raise _CutOffError(f"{_shown(wanted.source)} was cut off after {reached:,} of {end:,} bytes")


def _check_redirect(answer: requests.Response, **_: Any) -> None:
    """Raise an OSError where a server leads to what is no safer than itself."""
    if answer.is_redirect:
        target = urljoin(answer.url, answer.headers["Location"])
        if urlsplit(target).scheme not in {"https", urlsplit(answer.url).scheme}:
            raise OSError(f"{_shown(answer.url)} leads to {_shown(target)}: refused")


def _expected(wanted: _Wanted) -> str:
    return f"at most {_LARGEST:,} bytes" if wanted.size is None else f"{wanted.size:,} bytes"


def _check_status(answer: requests.Response) -> None:
    status = f"{_shown(answer.url)} answered HTTP {answer.status_code} {answer.reason}"
    if answer.status_code == 429 or answer.status_code >= 500:
        raise _CutOffError(status)
    if answer.status_code not in (200, 206):
        raise OSError(status)
    if answer.headers.get("Content-Type", "").lower().startswith("text/html"):
        raise OSError(_not_weights(_shown(answer.url), b"<"))


def _extent(answer: requests.Response) -> tuple[int, int | None]:
    """Where in the file the answer starts, and the size of the whole file where the server says it."""
    if answer.status_code == 206:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", "").strip())
        if not found:
            raise _WrongContentError(f"{_shown(answer.url)} sent a part of the file without saying which")
        return int(found[1]), None if found[2] == "*" else int(found[2])
    length = answer.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() and "Content-Encoding" not in answer.headers else None


def _not_weights(url: str, start: bytes) -> str:
    if start.lstrip().startswith(b"<"):
        return f"{url} sent an HTML page instead of weights (a proxy or login page?)"
    return f"{url} sent no weights: an HDF5 file does not start with {quoted(start[:16])}"


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0

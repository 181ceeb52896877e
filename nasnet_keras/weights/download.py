"""Files of weights are downloaded into Keras' cache: checked, resumed when cut off, and never half there."""

import itertools
import os
import re
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.files import mismatch
from nasnet_keras.utils.locks import LockedFile, NoLocksError
from nasnet_keras.utils.progress import Progress
from nasnet_keras.weights.addresses import cache, shown, source, without_secrets

__all__ = ["DownloadError", "cache", "fetch"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"  # HDF5 file format specification, II.A
_CHUNK = 1 << 15
_LARGEST = 4 << 30  # bytes of a file of unknown size: ten times NASNet's largest weights
_TIMEOUT = 30.0  # seconds to connect, and to wait for a byte
_ATTEMPTS = 4  # attempts in a row without a byte, after which a download fails
_PAUSE = 0.5  # seconds between attempts; doubled after each one without a byte


class DownloadError(OSError):
    """A file cannot be downloaded; the error says which file to put where."""


class _CutOffError(OSError):
    """The server has more bytes, and may send them when asked again."""


class _WrongContentError(OSError):
    """The server sent something else than the file."""


_PASSING = (_CutOffError, requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


@dataclass(frozen=True)
class _Wanted:
    """A file to download: its source, its place, and the facts by which it is recognised."""

    source: str
    path: Path
    size: int | None
    algorithm: str
    digest: str
    password: tuple[bytes, bytes] | None = field(repr=False)  # a name and a password

    @property
    def part(self) -> Path:
        return self.path.with_name(f"{self.path.name}.part")

    @property
    def reached(self) -> int:
        """The number of bytes that are here already."""
        return self.part.stat().st_size if self.part.exists() else 0

    @property
    def most(self) -> int:
        """The number of bytes that it may have."""
        return _LARGEST if self.size is None else self.size

    @property
    def expected(self) -> str:
        """Its size in words."""
        return f"{'at most ' if self.size is None else ''}{self.most:,} bytes"

    def problem(self, path: Path) -> str | None:
        """Tell why the file at `path` cannot be used; None if it can."""
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
    """Return the path of a file of weights in Keras' cache, and download the file if it is not there.

    The download goes to `NAME.part` and is checked before it gets its name. A download that was cut off continues later
    where it stopped; a second process waits for the first. A damaged file in the cache is replaced. The environment
    variable `NASNET_KERAS_MIRROR` is the URL of a folder to get the file from instead, perhaps with `NAME:PASSWORD@`,
    which no message shows. With `NASNET_KERAS_OFFLINE=1` the network is never used.

    Args:
        url: http or https.
        name: name of the file in the cache, without a folder.
        size: size in bytes, if it is known; a file of unknown size may have 4 GiB.
        sha256: hexadecimal.
        md5: hexadecimal, for files that are published without a better hash.
        folder: instead of `models` in Keras' cache (`KERAS_HOME`, by default `~/.keras`).

    Raises:
        DownloadError: the file cannot be downloaded, or the server sent something else, which is not kept.
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
    try:
        address, password = source(url)
    except OSError as error:
        raise DownloadError(str(error)) from None
    wanted = _Wanted(address, (folder or cache()) / name, size, algorithm, expected.lower(), password)
    try:
        if problem := wanted.problem(wanted.path):
            _replace(wanted, problem)
        return wanted.path
    except (OSError, ValueError, HTTPException, HTTPError) as error:  # the last three: the URL cannot be used
        reason = without_secrets(str(error))
    # Outside of the `except`: the error there may hold a password.
    known = f"{algorithm.upper()} {expected}" + ("" if size is None else f", {size:,} bytes")
    raise DownloadError(
        f"cannot download {name} ({reason}). Get {shown(url)} ({known}) on a machine with a network and put it at "
        f"{wanted.path}, or anywhere and give weights=PATH"
    )


def _replace(wanted: _Wanted, problem: str) -> None:
    """Download a file to its place in the cache, which is empty or holds a wrong file."""
    if os.environ.get("NASNET_KERAS_OFFLINE", "").lower() not in ("", "0", "false", "no", "off"):
        raise OSError(f"{wanted.path} {problem}; NASNET_KERAS_OFFLINE is set")
    if wanted.path.exists():
        warnings.warn(f"{wanted.path} {problem}; it is downloaded again", stacklevel=3)
    wanted.path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(wanted.path.with_name(f"{wanted.path.name}.lock")):
        if wanted.problem(wanted.path):  # another process may have been first
            _download(wanted)
            wanted.part.replace(wanted.path)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock, for which other processes wait, if the file system has locks."""
    try:
        lock = LockedFile(path, wait=True)
    except NoLocksError as error:
        warnings.warn(f"{error}: download with one process at a time", stacklevel=5)
        yield
        return
    try:
        yield
    finally:
        lock.close()


def _download(wanted: _Wanted) -> None:
    """Ask until the `.part` is the whole file, and start over once, as bytes of earlier answers may be wrong."""
    furthest, failures, again = wanted.reached, 0, True
    with Progress(desc=wanted.path.name, initial=furthest, unit="B", unit_scale=True) as bar:
        while True:
            had = wanted.reached
            try:
                if wanted.size is None or had < wanted.size:
                    _ask(wanted, had, bar)
                if problem := wanted.problem(wanted.part):
                    raise _WrongContentError(f"what came from {shown(wanted.source)} {problem}")
                return
            except _WrongContentError:
                wanted.part.unlink(missing_ok=True)
                if not (had and again):
                    raise
                furthest, failures, again = 0, 0, False
            except _PASSING as error:
                reached = wanted.reached
                failures = 0 if reached > furthest else failures + 1
                if failures == _ATTEMPTS:
                    raise OSError(f"{error}; {failures} attempts brought nothing more") from error
                furthest = max(furthest, reached)
                time.sleep(_PAUSE * 2**failures)


def _ask(wanted: _Wanted, had: int, bar: Progress) -> None:
    """Append one answer of the server to the first `had` bytes; it takes their place if it starts at zero."""
    headers = {"Accept-Encoding": "identity"}  # a range counts bytes as they are sent
    if had:
        headers["Range"] = f"bytes={had}-"
    options = {"headers": headers, "auth": wanted.password, "hooks": {"response": _check_redirect}}
    with requests.get(wanted.source, stream=True, timeout=_TIMEOUT, **options) as answer:
        if answer.status_code == 416 and had:
            return  # nothing is left to send: the hash tells whether the file is right
        _check_status(answer)
        reached, total = _extent(answer)
        if reached not in (0, had):
            raise _WrongContentError(f"{shown(answer.url)} sent bytes from {reached:,}, asked for {had:,}")
        chunks = answer.iter_content(_CHUNK)
        first = next(chunks, b"")
        if reached == 0 and first[: len(_SIGNATURE)] != _SIGNATURE[: len(first)]:
            raise _WrongContentError(_not_weights(shown(answer.url), first))
        end = total if wanted.size is None else wanted.size
        if (total or 0) > wanted.most or (wanted.size is not None and total not in (None, end)):
            raise _WrongContentError(f"{shown(answer.url)} has {total:,} bytes, expected {wanted.expected}")
        with wanted.part.open("ab") as file:
            file.truncate(reached)
            for chunk in itertools.chain([first], chunks):
                reached += len(chunk)
                if reached > wanted.most:
                    raise _WrongContentError(f"{shown(answer.url)} sent more than the expected {wanted.expected}")
                file.write(chunk)
                bar.reach(reached, end)
            file.flush()
            os.fsync(file.fileno())
    if end is not None and reached < end:
        raise _CutOffError(f"{shown(wanted.source)} was cut off after {reached:,} of {end:,} bytes")


def _check_redirect(answer: requests.Response, **_: Any) -> None:
    """Raise an OSError if a server redirects to a less safe place."""
    if answer.is_redirect:
        target = urljoin(answer.url, answer.headers["Location"])
        if urlsplit(target).scheme not in {"https", urlsplit(answer.url).scheme}:
            raise OSError(f"{shown(answer.url)} leads to {shown(target)}: refused")


def _check_status(answer: requests.Response) -> None:
    status = f"{shown(answer.url)} answered HTTP {answer.status_code} {answer.reason}"
    if answer.status_code == 429 or answer.status_code >= 500:
        raise _CutOffError(status)
    if answer.status_code not in (200, 206):
        raise OSError(status)
    if answer.headers.get("Content-Type", "").lower().startswith("text/html"):
        raise OSError(_not_weights(shown(answer.url), b"<"))


def _extent(answer: requests.Response) -> tuple[int, int | None]:
    """Read where in the file the answer starts, and the size of the whole file if the server tells it."""
    if answer.status_code == 206:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", "").strip())
        if not found:
            raise _WrongContentError(f"{shown(answer.url)} sent a part of the file without saying which")
        return int(found[1]), None if found[2] == "*" else int(found[2])
    length = answer.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() and "Content-Encoding" not in answer.headers else None


def _not_weights(url: str, start: bytes) -> str:
    if start.lstrip().startswith(b"<"):
        return f"{url} sent an HTML page instead of weights (a proxy or login page?)"
    return f"{url} sent no weights: an HDF5 file does not start with {quoted(start[:16])}"

"""Addresses of weights: the mirror and the cache that a user has chosen, and URLs without their secrets."""

import os
import re
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit, urlunsplit

from nasnet_keras.utils.checks import quoted

__all__ = ["cache", "shown", "source", "without_secrets"]

_SECRETS = re.compile(r"(?<=//)[^/\s]*@|\?[^\s'\"=]+=[^\s'\"]*")  # in messages of libraries: see `shown`


def cache() -> Path:
    """Find the folder where Keras keeps weights. Keras itself is not asked, because importing it takes seconds."""
    if chosen := os.environ.get("KERAS_HOME"):
        return Path(chosen).expanduser() / "models"
    try:
        writable = os.access(home := Path.home(), os.W_OK)
    except RuntimeError:  # the machine does not know the user, as in some containers
        writable = False
    return (home if writable else Path("/tmp")) / ".keras" / "models"


def source(url: str) -> tuple[str, tuple[bytes, bytes] | None]:
    """Find the address to download a file from, with the name and the password for it.

    Args:
        url: the URL of the file; the environment variable `NASNET_KERAS_MIRROR` is the URL of a folder to use instead.

    Raises:
        OSError: it is no http or https URL. The error shows no password.

    Example:
        >>> source("https://me:secret@example.org/a.h5")
        ('https://example.org/a.h5', (b'me', b'secret'))
    """
    try:
        if mirror := os.environ.get("NASNET_KERAS_MIRROR"):
            url = f"{mirror.rstrip('/')}/{PurePosixPath(urlsplit(url).path).name}"
        parts = urlsplit(url)
        legal = parts.scheme in ("http", "https") and parts.port != 0
        legal = legal and not (mirror and "@" in parts.path)  # a slash in a password cuts off the rest of it
    except ValueError:
        legal = False
    if not legal:
        harmless = url.rpartition("@")[2].partition("?")[0]
        raise OSError(f"expected an http or https URL, got {quoted(harmless)}; a password has %2F for / and %40 for @")
    found = parts.username is not None
    password = tuple(unquote(part or "").encode() for part in (parts.username, parts.password)) if found else None
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])), password


def shown(url: str) -> str:
    """Write a URL without its name, password and query, which may be a signature.

    Example:
        >>> shown("https://me:secret@example.org/a.h5?signature=1")
        'https://example.org/a.h5'
    """
    try:
        parts = urlsplit(url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    except ValueError:
        return "what is no URL"


def without_secrets(text: str) -> str:
    """Remove names, passwords and queries from the URLs in a text."""
    return _SECRETS.sub("", text)

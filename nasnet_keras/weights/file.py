"""A file of weights as a card describes it: its size and its hash, and its place beside the card or at a URL."""

import re
from dataclasses import dataclass
from pathlib import Path

from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.files import digest, mismatch

__all__ = ["BARE_NAME", "CardError", "WeightsFile"]

BARE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,219}")  # without a folder or a drive, and not hidden


class CardError(ValueError):
    """A card, or a file that it names, cannot be used."""


@dataclass(frozen=True)
class WeightsFile:
    """A weight file beside a card, or at a URL.

    Attributes:
        file: its name, without a folder.
        size: size in bytes; None if it was never published.
        sha256, md5: hexadecimal hashes, at least one of them.
        url: http or https URL of the file, if it does not come with its card.

    Raises:
        CardError: a value is missing or of the wrong kind.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "a.weights.h5")
        ...     _ = path.write_bytes(b"weights")
        ...     WeightsFile.of(path).size
        7
    """

    file: str
    size: int | None = None
    sha256: str | None = None
    md5: str | None = None
    url: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.file, str) or not BARE_NAME.fullmatch(self.file):
            raise CardError(f"a weight file must be a bare name beside its card, got {quoted(self.file)}")
        if self.size is not None and (type(self.size) is not int or self.size <= 0):
            raise CardError(f"the size of {self.file} must be a number of bytes, got {quoted(self.size)}")
        for name, digits in (("sha256", 64), ("md5", 32)):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, str) and re.fullmatch(f"[0-9a-f]{{{digits}}}", value)):
                raise CardError(f"the {name} of {self.file} must be {digits} hexadecimal digits, got {quoted(value)}")
        if self.sha256 is None and self.md5 is None:
            raise CardError(f"{self.file} has no hash to know it by: expected sha256 or md5")
        if self.url is not None and not (isinstance(self.url, str) and self.url.startswith(("https://", "http://"))):
            raise CardError(f"the address of {self.file} must begin with https:// or http://, got {quoted(self.url)}")

    @classmethod
    def of(cls, path: Path) -> "WeightsFile":
        """Describe the file at `path`."""
        return cls(path.name, path.stat().st_size, digest(path, "sha256"))

    def check(self, folder: Path) -> Path:
        """Return the path of the file in `folder`.

        Raises:
            CardError: the file is missing, is a link out of the folder, or has another size or content.
        """
        path = folder / self.file
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            raise CardError(f"the weight file {path} leads out of its folder: refused")
        return self.verify(path)

    def verify(self, path: Path) -> Path:
        """Return `path` if it leads to this file, in any folder.

        Raises:
            CardError: the file is missing, or has another size or content.
        """
        if problem := mismatch(path, size=self.size, sha256=self.sha256, md5=self.md5):
            raise CardError(f"the weight file {path} {problem}")
        return path

    def download(self) -> Path:
        """Return the path of the file in Keras' cache, and download it if it is missing; see `weights.download`.

        Each file with a SHA-256 lies in a folder that is named after it, so that no card's file stands in for another
        of the same name.

        Raises:
            DownloadError: the file cannot be downloaded.
        """
        from nasnet_keras.weights.download import cache, fetch  # slow, and needed for downloads only

        folder = None if self.sha256 is None else cache() / "nasnet_keras" / self.sha256[:16]
        return fetch(self.url, self.file, size=self.size, sha256=self.sha256, md5=self.md5, folder=folder)

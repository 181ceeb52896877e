"""A file of weights as a card names it: known by its size and its hash, beside the card or at an address."""

import re
from dataclasses import dataclass
from pathlib import Path

from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.files import digest, mismatch

__all__ = ["BARE_NAME", "CardError", "WeightsFile"]

BARE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,219}")  # no folder, no drive, no hidden file


class CardError(ValueError):
    """A card or what it names cannot be used."""


@dataclass(frozen=True)
class WeightsFile:
    """A weight file beside a card, or at an address.

    Attributes:
        file: a bare name.
        size: in bytes; None where it was never published.
        sha256, md5: hexadecimal; one of them at least.
        url: where it is, if it does not come with its card.

    Raises:
        CardError: a value is missing or of the wrong kind.
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
        """The path of the file in `folder`.

        Raises:
            CardError: it is missing, is no file of the folder itself, or has another size or content.
        """
        path = folder / self.file
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            raise CardError(f"the weight file {path} leads out of its folder: refused")
        return self.verify(path)

    def verify(self, path: Path) -> Path:
        """`path`, where it is this file, wherever it lies.

        Raises:
            CardError: it is missing, or has another size or content.
        """
        if problem := mismatch(path, size=self.size, sha256=self.sha256, md5=self.md5):
            raise CardError(f"the weight file {path} {problem}")
        return path

    def download(self) -> Path:
        """The path of the file in Keras' cache, downloaded where it is missing; see `nasnet_keras.weights.download`.

        What is known by its SHA-256 lies in a folder of its own there, so that no card's file stands in for another
        of the same name.

        Raises:
            DownloadError: it cannot be had.
        """
        from nasnet_keras.weights.download import cache, fetch  # only where something may be downloaded

        folder = None if self.sha256 is None else cache() / "nasnet_keras" / self.sha256[:16]
        return fetch(self.url, self.file, size=self.size, sha256=self.sha256, md5=self.md5, folder=folder)

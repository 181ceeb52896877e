"""Text that every reader of XML takes: SVG files, and charts within pages."""

import re

__all__ = ["legal"]

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # by XML 1.0, section 2.2


def legal(text: str) -> str:
    """Write the characters that no XML may hold by their numbers: control characters, and what is no valid Unicode.

    Example:
        >>> print(legal("a\\x08\\ufffeb"))
        a\\x08\\ufffeb
    """
    return _FORBIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)

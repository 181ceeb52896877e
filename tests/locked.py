"""File systems without locks."""

import errno


def no_locks(descriptor, blocking=True):
    raise OSError(errno.ENOLCK, "No locks available")

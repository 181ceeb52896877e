"""Many image files, one after another: read by several threads, a little ahead of whoever takes them."""

import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from nasnet_keras.images.files import ImageError, read_image
from nasnet_keras.images.fitting import resized
from nasnet_keras.utils.environment import cores

__all__ = ["stream"]

_THREADS = 4  # at most: each may hold an image of `files.MAX_PIXELS`
_AHEAD = 64  # images, at their final size


def stream(
    paths: Iterable[Path], shape: tuple[int, int, int], fit: str = "crop"
) -> Iterator[tuple[Path, np.ndarray | ImageError]]:
    """Read images in their order, each brought to a shape; an image that cannot be read is an error in its place.

    Args:
        paths: of image files.
        shape: height, width and channels of each.
        fit: the way to bring them to their size, one of `fitting.FITS`.

    Returns:
        An iterator of paths and uint8 arrays. However many images there are, a few are in memory.

    Example:
        >>> list(stream([pathlib.Path("gone.png")], (8, 8, 3)))[0][1].reason
        'No such file or directory'
    """

    def read(path: Path) -> np.ndarray | ImageError:
        try:
            return resized([read_image(path)], shape, str(path), fit=fit)[0]
        except ImageError as error:
            return error

    pool = ThreadPoolExecutor(min(_THREADS, cores()))
    waiting: deque[tuple[Path, Future[np.ndarray | ImageError]]] = deque()
    # Threads share the filters of warnings; what each ignores within `read_image`, another would have again.
    with warnings.catch_warnings(action="ignore", category=Image.DecompressionBombWarning):
        try:
            for path in paths:
                waiting.append((path, pool.submit(read, path)))
                if len(waiting) > _AHEAD:
                    path, found = waiting.popleft()
                    yield path, found.result()
            for path, found in waiting:
                yield path, found.result()
        finally:
            pool.shutdown(cancel_futures=True)

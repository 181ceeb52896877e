"""Images from files, and folders of them as data sets: one folder a class."""

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from absl import logging
from PIL import Image, UnidentifiedImageError

from nasnet_keras.training.datasets import Loaded, Split, check_memory, short_name, stacked
from nasnet_keras.workdir import is_workdir

__all__ = ["image_files", "load", "read_image", "resized"]

_SUFFIXES = frozenset({".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
_EXPECTED = "expected FOLDER/CLASS/IMAGE, or such folders in FOLDER/train, FOLDER/test and FOLDER/validation"
_SPLITS = {  # in small letters
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid"),
    "test": ("test", "testing"),
}
_OF_SYSTEMS = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"})
_SHOWN = 5
_GREYS = (255, 4095, 65535)  # the lightest, in 8, 12 and 16 bits
_FIRST = 64  # images there is room for, where nobody knows how many will come
_MANY = 100_000  # where that may be because they never end
_ORIENTATION = 0x0112  # of a photo, in its EXIF data
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def load(folder: Path, image_size: int | None = None, image_shape: tuple[int, int, int] | None = None) -> Loaded:
    """Read all images under `folder`.

    Args:
        folder: `FOLDER/CLASS/IMAGE`, or with a level of `train`, `validation` and `test` above the classes (or
            `Training`, `val` and so on). Images may lie in folders of the class' own. A warning tells of files that
            are not read.
        image_size: side that every image is brought to, its shorter side resized and the middle cut out.
        image_shape: height, width and channels to bring them to, instead of a side.

    Returns:
        The splits that the folder has; without `train`, everything is the training split.

    Raises:
        ValueError: no folder, no images, a class without images, other classes in the splits, images that cannot be
            read or lie outside the folder, images of different sizes and no size to bring them to, or more than fit in
            memory.
    """
    if not folder.is_dir():
        raise ValueError(f"no folder {str(folder)!r}: {_EXPECTED}")
    roots = _roots(folder)
    files = {name: _files(root, folder) for name, root in roots.items()}
    class_names = tuple(files["train"])
    for name, by_class in files.items():
        if unknown := sorted(set(by_class) - set(class_names)):
            raise ValueError(f"{roots[name]} has classes that {roots['train']} has not: {', '.join(unknown)}")
    if image_shape is None and image_size is not None:
        image_shape = (image_size, image_size, 3)
    splits = {}
    for name, by_class in files.items():
        labelled = [(path, class_names.index(label)) for label, paths in by_class.items() for path in paths]
        images = _read([path for path, _ in labelled], image_shape or (None, None, 3), str(folder))
        splits[name] = Split(images, np.asarray([label for _, label in labelled], np.int32))
    return Loaded(short_name(folder.resolve().name), splits, class_names, str(folder))


def read_image(path: Path) -> np.ndarray:
    """One image as uint8 RGB, `(height, width, 3)`, upright as its camera says, what is transparent white.

    Of grey with more than 8 bits no file says how many are used: 12 where they hold the lightest value, else 16.

    Raises:
        ValueError: it cannot be read.
    """
    try:
        # Pillow maps a file that it opened itself into memory, and then takes turned pixels for upright ones.
        with path.open("rb") as stream, Image.open(stream) as file:
            image = _upright(file)
            if image.mode.startswith("I"):  # grey of up to 16 bits, also in 32; a file does not say how many are used
                grey = np.asarray(image, np.float64)
                lightest = next((value for value in _GREYS if grey.max() <= value), _GREYS[-1])
                image = Image.fromarray(np.clip(grey * (255 / lightest), 0, 255).astype(np.uint8))
            elif image.mode == "F":
                raise ValueError("its values are fractions: save it with 8 or 16 bits")
            elif image.has_transparency_data:
                image = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            return np.asarray(image.convert("RGB"), np.uint8)
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ValueError(f"cannot read the image {path}: {error}") from None


def resized(
    images: Iterable[np.ndarray], shape: tuple[int | None, int | None, int], source: str, count: int | None = None
) -> np.ndarray:
    """Images of values from 0 to 255 as one uint8 array of `(count, *shape)`.

    Args:
        images: each `(height, width, channels)`; grey ones are given three channels where three are wanted, and colours
            made grey where one is.
        shape: height and width to bring each image to, resized until it covers them, its middle cut out; None for
            images of one size that keep it. And the channels.
        source: of the images, for errors.
        count: how many there are at most, where they come one by one.

    Raises:
        ValueError: images of other channels or values, of different sizes and no size to bring them to, or more than
            fit in memory.
    """
    if hasattr(images, "__len__"):
        count = len(images)
    if count == 0:
        raise ValueError(f"no images in {source}")
    if isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.shape == (count, *shape):
        return images
    rows: list[np.ndarray] = []
    array = None
    if None not in shape:  # so that they are in memory once
        check_memory(count or _FIRST, shape, source)
        array = np.empty((count or _FIRST, *shape), np.uint8)
    seen, largest, fractions = 0, 0.0, False
    for image in map(np.asarray, images):
        if image.dtype != np.uint8:
            if image.dtype.kind not in "biuf" or not np.all((image >= 0) & (image <= 255)):
                numbers = image.dtype.kind in "biuf" and image.size
                found = f"values from {image.min()} to {image.max()}" if numbers else str(image.dtype)
                raise ValueError(f"expected images of values from 0 to 255, got {found}")
            largest = max(largest, float(image.max(initial=0)))
            fractions = fractions or bool(np.any(image % 1))
            image = np.rint(image).astype(np.uint8)
        if array is None:
            rows.append(_brought(image, shape))
        else:
            if seen == len(array):
                array = _grown(array, source)
            array[seen] = _brought(image, shape)
        seen += 1
    if fractions and largest <= 1.0:
        raise ValueError(f"expected images of values from 0 to 255, got fractions up to {largest:.3g}: times 255?")
    if not seen:
        raise ValueError(f"no images in {source}")
    return stacked(rows, source) if array is None else array[:seen]


def _grown(array: np.ndarray, source: str) -> np.ndarray:
    """An array with room for twice as many images, the first half of them these."""
    count = len(array)
    if count > _MANY:
        logging.warning("%s: %d images so far; if it has no end, take a part of it", source, count)
    check_memory(count, array.shape[1:], source)  # the other half is in memory when it is written to
    larger = np.empty((2 * count, *array.shape[1:]), np.uint8)
    larger[:count] = array
    return larger


def image_files(folder: Path) -> list[Path]:
    """The image files in a folder and in the folders in it, sorted.

    Raises:
        ValueError: there are none.
    """
    paths, _ = _walk(folder)
    if not paths:
        raise ValueError(f"no images in {folder}: expected files of {', '.join(sorted(_SUFFIXES))}")
    return paths


def _upright(file: Image.Image) -> Image.Image:
    """The image as its camera says; Pillow's own way fails where other parts of what a camera says are damaged."""
    file.load()  # which turns TIFFs; and damage to the pixels is an error here, not where the description is read
    try:
        orientation = file.getexif().get(_ORIENTATION)
    except Exception:  # of a damaged description, whatever its reader raises: the pixels are all right
        orientation = None
    return file.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else file


def _read(paths: list[Path], shape: tuple[int | None, int | None, int], source: str) -> np.ndarray:
    """All images, each brought to its shape as soon as it is read; what cannot be read is told at once."""
    broken: list[str] = []

    def images() -> Iterable[np.ndarray]:
        for path in paths:
            try:
                yield read_image(path)
            except ValueError as error:
                broken.append(str(error))

    try:
        array = resized(images(), shape, source, len(paths))
    except ValueError:
        if not broken:
            raise
    if broken:
        more = f"; and {len(broken) - _SHOWN} more" if len(broken) > _SHOWN else ""
        raise ValueError("; ".join(broken[:_SHOWN]) + more)
    return array


def _brought(image: np.ndarray, shape: tuple[int | None, int | None, int]) -> np.ndarray:
    height, width, channels = shape
    if image.ndim == 3 and image.shape[-1] == 1 and channels == 3:
        image = np.repeat(image, 3, axis=-1)
    elif image.ndim == 3 and image.shape[-1] == 3 and channels == 1:
        image = np.asarray(Image.fromarray(image).convert("L"))[..., None]
    if image.ndim != 3 or image.shape[-1] != channels or not image.size:
        raise ValueError(f"expected images of (height, width, {channels}), got one of {image.shape}")
    if None in (height, width) or image.shape[:2] == (height, width):
        return image
    picture = Image.fromarray(image[..., 0] if channels == 1 else image)
    # The part of the picture that is left over, so that a long one is not made large first.
    sides = tuple(zip(picture.size, (width, height), strict=True))
    scale = min(have / want for have, want in sides)
    rests = [max(0.0, (have - want * scale) / 2) for have, want in sides]  # not -1e-14
    box = (*rests, *(have - rest for (have, _), rest in zip(sides, rests, strict=True)))
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR, box)).reshape(height, width, channels)


def _roots(folder: Path) -> dict[str, Path]:
    """The folders of the splits that a folder has; without any, itself as the one for training."""
    entries = [entry for entry in _folders(folder) if not is_workdir(entry)]
    found = {
        name: [entry for entry in entries if entry.name.casefold() in spellings] for name, spellings in _SPLITS.items()
    }
    if not any(_folders(entry) for entry in found["train"]):
        return {"train": folder}
    for spelt in found.values():
        if len(spelt) > 1:
            raise ValueError(f"{folder} has both {spelt[0].name} and {spelt[1].name}: {_EXPECTED}")
    roots = {name: spelt[0] for name, spelt in found.items() if spelt}
    if others := [entry for entry in entries if entry not in roots.values()]:
        raise ValueError(f"{folder} has {others[0].name} beside {roots['train'].name}: {_EXPECTED}")
    return roots


def _files(root: Path, folder: Path) -> dict[str, list[Path]]:
    """The image files by class, both sorted."""
    classes = {}
    beside = (path for path in root.iterdir() if _is_image(path) and not _is_of_system(path.name))
    ignored = Counter(path.suffix.lower() for path in beside)
    for entry in _folders(root):
        if is_workdir(entry):
            continue
        paths, others = _walk(entry)
        for path in paths:
            if not path.resolve().is_relative_to(folder.resolve()):
                raise ValueError(f"{path} leads out of {folder}: refused")
        if not paths:
            raise ValueError(f"{entry} has no images: {_EXPECTED}, of files of {', '.join(sorted(_SUFFIXES))}")
        try:
            entry.name.encode()
        except UnicodeEncodeError:
            raise ValueError(f"the name of the folder {str(entry)!r} is not in UTF-8: rename it") from None
        name = unicodedata.normalize("NFC", entry.name)  # é is one character or two, by the system
        if name in classes:
            raise ValueError(f"{root} has two folders named {name!r}, in two ways to write it: make them one")
        classes[name] = paths
        ignored.update(path.suffix.lower() or path.name for path in others)
    if not classes:
        raise ValueError(f"{root} has no images: {_EXPECTED}")
    if ignored:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in ignored.most_common(_SHOWN))
        logging.warning("%s: %d files are not read (%s): %s", root, ignored.total(), kinds, _EXPECTED)
    return dict(sorted(classes.items()))


def _folders(root: Path) -> list[Path]:
    return sorted(entry for entry in root.iterdir() if entry.is_dir() and not _is_of_system(entry.name))


def _is_of_system(name: str) -> bool:
    """Whether a file or folder was made by an operating system, for itself."""
    return name.startswith(".") or name in _OF_SYSTEMS


def _walk(folder: Path) -> tuple[list[Path], list[Path]]:
    """The image files under a folder, sorted, and the other ones, without those of the system."""
    paths = []
    for root, folders, names in os.walk(folder):  # does not follow links to folders
        folders[:] = (name for name in folders if not _is_of_system(name))
        paths += (Path(root, name) for name in names if not _is_of_system(name))
    paths.sort()
    return [path for path in paths if _is_image(path)], [path for path in paths if not _is_image(path)]


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in _SUFFIXES

"""Pixels of Pillow's images as 8 bits of red, green and blue, also from channels of more than 8 bits."""

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImagePalette

__all__ = ["rgb"]

_LIGHTEST = (255, 4095, 65535)  # in 8, 12 and 16 bits
_BAND = 2**20  # pixels that are converted at once, so that no image is in memory many times over
_TURNED = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}  # the other order of bytes
_BITS, _PHOTOMETRIC, _PLANES, _COLOUR_MAP, _SAMPLE_FORMAT = 258, 262, 284, 320, 339  # tags of TIFF

_IN_PLANES = "its colours of 16 bits lie one after the other: save it with those of a pixel side by side"
_GREY_IN_PLANES = "its greys and transparencies lie one after the other: save it with those of a pixel side by side"


def rgb(file: Image.Image, reopened: Callable[[], Image.Image]) -> np.ndarray:
    """Read the pixels of an image as uint8 `(height, width, 3)`; transparent ones are white.

    Args:
        file: opened, not yet loaded.
        reopened: opens it again.

    Raises:
        ValueError: the image is of a kind that would be read wrong; the error names a format to save it in.
        Exception: any that Pillow raises for a damaged file.
    """
    tags, raw = getattr(file, "tag_v2", {}), _raw_mode(file)
    if file.mode == "F":
        raise ValueError("its values are fractions: save it with 8 or 16 bits")
    if file.mode == "LAB":
        raise ValueError("its colours are LAB: save it as RGB")
    if file.mode in ("LA", "La") and tags.get(_PLANES) == 2:  # Pillow makes white of them
        raise ValueError(_GREY_IN_PLANES)
    if file.mode == "L" and max(tags.get(_SAMPLE_FORMAT, (1,))) == 2:
        raise ValueError("its values are signed: save it with 8 or 16 bits, from 0")
    if file.mode.startswith("I"):
        if _decoder(file) == "libtiff":  # it gives numbers in this machine's byte order, signed ones too
            native = "S" if sys.byteorder == "little" else "BS"
            file.tile = [_with_raw_mode(tile, raw.replace("BS", native)) for tile in file.tile]
        file.load()
        return _scaled([file], 1, key=file.info.get("transparency"), inverted=tags.get(_PHOTOMETRIC) == 0)
    if (file.format == "PNG" and ";16" in raw) or max(tags.get(_BITS, (8,))) == 16:
        return _deep_colours(file, raw, reopened)
    if file.mode in ("P", "PA") and _COLOUR_MAP in tags:
        lightest = _lightest(max(tags[_COLOUR_MAP]))
        if lightest < _LIGHTEST[-1]:
            file.palette = ImagePalette.raw("RGB;L", bytes(value * 255 // lightest for value in tags[_COLOUR_MAP]))
    if raw in ("L;2", "L;4") and isinstance(key := file.info.get("transparency"), int):
        file.info["transparency"] = key * {"L;2": 85, "L;4": 17}[raw]  # as Pillow scales the pixels
    file.load()
    return _shallow(file)


def _decoder(file: Image.Image) -> str:
    return file.tile[0][0] if getattr(file, "tile", None) else ""


def _raw_mode(file: Image.Image) -> str:
    """Name the layout of the file's pixels, in the words of Pillow's decoders."""
    return _raw_mode_of(file.tile[0]) if getattr(file, "tile", None) else ""


def _raw_mode_of(tile: Any) -> str:
    return str(tile.args[0] if isinstance(tile.args, tuple) else tile.args)


def _with_raw_mode(tile: Any, raw: str) -> Any:
    arguments = tile.args
    return tile._replace(args=(raw, *arguments[1:]) if isinstance(arguments, tuple) else raw)


def _deep_colours(file: Image.Image, raw: str, reopened: Callable[[], Image.Image]) -> np.ndarray:
    """Read colours of 16 bits a channel.

    Pillow keeps the high bytes and drops the low ones. If the low ones matter, the file is read again with the order of
    bytes reversed, which keeps them.
    """
    planes = getattr(file, "tag_v2", {}).get(_PLANES) == 2
    turnable = not planes or _decoder(file) != "libtiff"
    if planes and turnable:
        _read_planes(file)
    premultiplied = raw.startswith("RGBa")
    if premultiplied:  # read as stored, since the low bytes alone cannot be divided
        file.tile = [_with_raw_mode(tile, raw.replace("RGBa", "RGBA")) for tile in file.tile]
    tiles = list(file.tile)
    file.load()
    key = file.info.pop("transparency", None)
    colours = 4 if file.mode == "CMYK" else 3
    highest = [high for _, high in file.getextrema()]
    groups = [group for group in (highest[:colours], highest[colours:]) if group]
    if key is None and not premultiplied and all(max(group) > _LIGHTEST[1] >> 8 for group in groups):
        return _shallow(file)
    if not turnable:
        raise ValueError(_IN_PLANES)
    with reopened() as again:
        if raw == "LA;16B":  # its bytes, in pairs, are read as those of RGBA
            again.tile = [_with_raw_mode(tile, "RGBA") for tile in tiles]
            again.load()
            return _scaled([again], 1)
        again.tile = [_with_raw_mode(tile, _turned(_raw_mode_of(tile))) for tile in tiles]
        again.load()
        return _scaled([file, again], colours, key=key, premultiplied=premultiplied)


def _turned(raw: str) -> str:
    return f"{raw[:-1]}{_TURNED[raw[-1]]}"


def _read_planes(file: Image.Image) -> None:
    """Make Pillow read a TIFF with one colour after the other as 16 bits; by itself it reads 8."""
    if any(tile.args[0] == "a" for tile in file.tile):
        raise ValueError(_IN_PLANES)
    order = "L" if file.tag_v2.prefix == b"II" else "B"
    file.tile = [_with_raw_mode(tile, f"{tile.args[0]};16{order}") for tile in file.tile if tile.args[0] in "RGBA"]


def _shallow(image: Image.Image) -> np.ndarray:
    """Convert the pixels of a loaded image of at most 8 bits a channel."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for start, end in _bands(image):
        part = image.crop((0, start, image.width, end))
        if part.mode == "La":
            part = part.convert("LA")
        pixels[start:end] = _on_white(part) if part.has_transparency_data else np.asarray(part.convert("RGB"))
    return pixels


def _scaled(
    passes: Sequence[Image.Image], colours: int, *, key: Any = None, inverted: bool = False, premultiplied: bool = False
) -> np.ndarray:
    """Convert the pixels of a loaded image of more than 8 bits a channel.

    Args:
        passes: the image; or an image of its high bytes and one of its low bytes.
        colours: the number of channels of colour; one more channel is opacity.
        key: the colour that is transparent.
        inverted: whether 0 is white.
        premultiplied: whether colours are multiplied by opacity.
    """
    image = passes[0]
    lows, highs = zip(*(_extrema(_values(passes, *band), colours) for band in _bands(image)), strict=True)
    low, (high, opaque) = min(lows), np.max(highs, axis=0).tolist()
    if low < 0 or high > _LIGHTEST[-1]:
        raise ValueError(f"its values go from {low} to {high}: save it with 8 or 16 bits, from 0")
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for start, end in _bands(image):
        values = _values(passes, start, end)
        shades = _eight_bits(values[..., :colours], high)
        alpha = _eight_bits(values[..., colours:], opaque)
        if key is not None:
            alpha = np.where(np.all(values == key, axis=-1, keepdims=True), 0, 255).astype(np.uint8)
        pixels[start:end] = _colours(255 - shades if inverted else shades, alpha, premultiplied)
    return pixels


def _colours(shades: np.ndarray, alpha: np.ndarray, premultiplied: bool) -> np.ndarray:
    """Make red, green and blue of one, three or four channels of 8 bits, and of their opacity if there is any."""
    if shades.shape[-1] == 4:
        return np.asarray(Image.frombytes("CMYK", shades.shape[1::-1], shades.tobytes()).convert("RGB"))
    shades = np.broadcast_to(shades, (*shades.shape[:2], 3))
    if not alpha.shape[-1]:
        return shades
    if premultiplied:
        return np.minimum(shades.astype(np.uint16) + 255 - alpha, 255)
    return _on_white(Image.fromarray(np.concatenate([shades, alpha], axis=-1)))


def _bands(image: Image.Image) -> Iterator[tuple[int, int]]:
    rows = max(1, _BAND // image.width)
    return ((start, min(start + rows, image.height)) for start in range(0, image.height, rows))


def _values(passes: Sequence[Image.Image], start: int, end: int) -> np.ndarray:
    """Read some rows, `(rows, width, channels)`."""
    parts = [np.asarray(image.crop((0, start, image.width, end))) for image in passes]
    if len(parts) == 2:
        return parts[0].astype(np.uint16) << 8 | parts[1]
    return parts[0].view(">u2") if parts[0].dtype == np.uint8 else parts[0][..., None]


def _extrema(values: np.ndarray, colours: int) -> tuple[int, tuple[int, int]]:
    """Find the lowest colour, and the highest colour and opacity."""
    return int(values.min()), (int(values[..., :colours].max()), int(values[..., colours:].max(initial=0)))


def _lightest(value: int) -> int:
    """Find the lightest value of as many bits as a value needs."""
    return next((lightest for lightest in _LIGHTEST if value <= lightest), _LIGHTEST[-1])


def _eight_bits(values: np.ndarray, highest: int) -> np.ndarray:
    return np.clip(values * (255 / _lightest(highest)), 0, 255).astype(np.uint8)


def _on_white(image: Image.Image) -> np.ndarray:
    image = image.convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB"))

"""The pixels of Pillow's images as 8 bits of red, green and blue, also where a channel has more than 8 bits."""

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImagePalette

__all__ = ["rgb"]

_LIGHTEST = (255, 4095, 65535)  # in 8, 12 and 16 bits
_BAND = 2**20  # pixels that are brought to 8 bits at once, so that no image is in memory many times over
_TURNED = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}  # the other order of bytes
_BITS, _PHOTOMETRIC, _PLANES, _COLOUR_MAP, _SAMPLE_FORMAT = 258, 262, 284, 320, 339  # tags of TIFF

_IN_PLANES = "its colours of 16 bits lie one after the other: save it with those of a pixel side by side"
_GREY_IN_PLANES = "its greys and transparencies lie one after the other: save it with those of a pixel side by side"


def rgb(file: Image.Image, reopened: Callable[[], Image.Image]) -> np.ndarray:
    """The pixels of an image as uint8 `(height, width, 3)`, what is transparent white.

    Args:
        file: opened, not yet loaded.
        reopened: opens it again.

    Raises:
        ValueError: it is of a kind that would be read wrong; the error says what to save it as.
        Exception: whatever Pillow raises of a damaged file.
    """
    tags, raw = getattr(file, "tag_v2", {}), _raw_mode(file)
    if file.mode == "F":
        raise ValueError("its values are fractions: save it with 8 or 16 bits")
    if file.mode == "LAB":
        raise ValueError("its colours are LAB: save it as RGB")
    if file.mode in ("LA", "La") and tags.get(_PLANES) == 2:  # of which Pillow makes white
        raise ValueError(_GREY_IN_PLANES)
    if file.mode == "L" and max(tags.get(_SAMPLE_FORMAT, (1,))) == 2:
        raise ValueError("its values are signed: save it with 8 or 16 bits, from 0")
    if file.mode.startswith("I"):
        if _decoder(file) == "libtiff":  # which gives numbers as this machine has them, signed ones too
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
        file.info["transparency"] = key * {"L;2": 85, "L;4": 17}[raw]  # as Pillow does to the pixels
    file.load()
    return _shallow(file)


def _decoder(file: Image.Image) -> str:
    return file.tile[0][0] if getattr(file, "tile", None) else ""


def _raw_mode(file: Image.Image) -> str:
    """How the file holds its pixels, in the words of Pillow's decoders."""
    return _raw_mode_of(file.tile[0]) if getattr(file, "tile", None) else ""


def _raw_mode_of(tile: Any) -> str:
    return str(tile.args[0] if isinstance(tile.args, tuple) else tile.args)


def _with_raw_mode(tile: Any, raw: str) -> Any:
    arguments = tile.args
    return tile._replace(args=(raw, *arguments[1:]) if isinstance(arguments, tuple) else raw)


def _deep_colours(file: Image.Image, raw: str, reopened: Callable[[], Image.Image]) -> np.ndarray:
    """Colours of 16 bits a channel.

    Pillow keeps the high bytes and drops the low ones. Where it dropped something that counts, the file is read again
    with the order of bytes turned round, which keeps the low ones.
    """
    planes = getattr(file, "tag_v2", {}).get(_PLANES) == 2
    turnable = not planes or _decoder(file) != "libtiff"
    if planes and turnable:
        _read_planes(file)
    premultiplied = raw.startswith("RGBa")
    if premultiplied:  # as it is, since the low bytes alone cannot be divided
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
        if raw == "LA;16B":  # whose bytes are those of RGBA, in pairs
            again.tile = [_with_raw_mode(tile, "RGBA") for tile in tiles]
            again.load()
            return _scaled([again], 1)
        again.tile = [_with_raw_mode(tile, _turned(_raw_mode_of(tile))) for tile in tiles]
        again.load()
        return _scaled([file, again], colours, key=key, premultiplied=premultiplied)


def _turned(raw: str) -> str:
    return f"{raw[:-1]}{_TURNED[raw[-1]]}"


def _read_planes(file: Image.Image) -> None:
    """Have a TIFF that holds one colour after the other read as what it is, which Pillow takes for 8 bits."""
    if any(tile.args[0] == "a" for tile in file.tile):
        raise ValueError(_IN_PLANES)
    order = "L" if file.tag_v2.prefix == b"II" else "B"
    file.tile = [_with_raw_mode(tile, f"{tile.args[0]};16{order}") for tile in file.tile if tile.args[0] in "RGBA"]


def _shallow(image: Image.Image) -> np.ndarray:
    """The pixels of a loaded image of 8 bits or less a channel."""
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
    """The pixels of a loaded image of more than 8 bits.

    Args:
        passes: the image; or its high bytes and its low ones.
        colours: channels of colour; one more is how opaque a pixel is.
        key: the colour that is transparent.
        inverted: whether 0 is white.
        premultiplied: whether colours are the darker, the more transparent they are.
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
        if colours == 4:
            inks = Image.frombytes("CMYK", shades.shape[1::-1], shades.tobytes())
            pixels[start:end] = np.asarray(inks.convert("RGB"))
            continue
        if key is not None:
            alpha = np.where(np.all(values == key, axis=-1, keepdims=True), 0, 255).astype(np.uint8)
        shades = np.broadcast_to(255 - shades if inverted else shades, (*shades.shape[:2], 3))
        if alpha.shape[-1] and premultiplied:
            shades = np.minimum(shades.astype(np.uint16) + 255 - alpha, 255)
        elif alpha.shape[-1]:
            shades = _on_white(Image.fromarray(np.concatenate([shades, alpha], axis=-1)))
        pixels[start:end] = shades
    return pixels


def _bands(image: Image.Image) -> Iterator[tuple[int, int]]:
    rows = max(1, _BAND // image.width)
    return ((start, min(start + rows, image.height)) for start in range(0, image.height, rows))


def _values(passes: Sequence[Image.Image], start: int, end: int) -> np.ndarray:
    """Some rows, `(rows, width, channels)`."""
    parts = [np.asarray(image.crop((0, start, image.width, end))) for image in passes]
    if len(parts) == 2:
        return parts[0].astype(np.uint16) << 8 | parts[1]
    return parts[0].view(">u2") if parts[0].dtype == np.uint8 else parts[0][..., None]


def _extrema(values: np.ndarray, colours: int) -> tuple[int, tuple[int, int]]:
    """The lowest colour, and the highest colour and opacity."""
    return int(values.min()), (int(values[..., :colours].max()), int(values[..., colours:].max(initial=0)))


def _lightest(value: int) -> int:
    """The lightest that there is, of as many bits as a value needs."""
    return next((lightest for lightest in _LIGHTEST if value <= lightest), _LIGHTEST[-1])


def _eight_bits(values: np.ndarray, highest: int) -> np.ndarray:
    return np.clip(values * (255 / _lightest(highest)), 0, 255).astype(np.uint8)


def _on_white(image: Image.Image) -> np.ndarray:
    image = image.convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB"))

"""Reading image files: every kind of pixels as what it is, damage as one error, and nothing that costs too much."""

import io
import itertools
import os
import socket
import struct
import time
import zlib

import numpy as np
import pytest
from fuzz import damaged_bytes, rounds
from picture_files import chunk, png, tiff
from PIL import Image

from nasnet_keras.images import files
from nasnet_keras.images.files import read_image

TOPS = {8: 255, 12: 4095, 16: 65535}
GREYS = np.tile(np.array([100, 255], np.uint8), (4, 4, 1))
GREY = {"photometric": 1, "tags": {338: [2]}}


@pytest.fixture(autouse=True)
def fresh_keras():
    """Instead of the one of `conftest.py`: nothing here uses Keras."""


def read(tmp_path, data, name="a.png"):
    (tmp_path / name).write_bytes(data)
    return read_image(tmp_path / name)


def saved(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def shown(values, top, opaque=None):
    """What is to be seen of values up to `top`, on white."""
    grey = values * (255 / top)
    grey = np.broadcast_to(grey, (*grey.shape[:2], 3))
    return grey if opaque is None else grey * opaque[..., None] + 255 * (1 - opaque[..., None])


# --- more than 8 bits


@pytest.mark.parametrize("bits", TOPS)
@pytest.mark.parametrize(("colour", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_sixteen_bit_pngs_of_which_some_bits_are_used(tmp_path, generator, bits, colour, channels):
    values = generator.integers(0, TOPS[bits] + 1, (19, 21, channels))
    for interlaced in (False, True):
        found = read(tmp_path, png(values, 16, colour, interlaced=interlaced))
        colours = values[..., : 1 if colour in (0, 4) else 3]
        opaque = values[..., -1] / TOPS[bits] if colour in (4, 6) else None
        np.testing.assert_allclose(found, shown(colours, TOPS[bits], opaque), atol=2.5)
    if colour in (0, 2):
        values[::3] = key = values[5, 5]
        found = read(tmp_path, png(values, 16, colour, transparent=key))
        opaque = 1.0 - np.all(values == key, axis=-1)
        np.testing.assert_allclose(found, shown(values, TOPS[bits], opaque), atol=1)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_the_transparent_grey_of_a_png_of_few_bits(tmp_path, generator, bits):
    values = generator.integers(0, 2**bits, (9, 11, 1))
    found = read(tmp_path, png(values, bits, 0, transparent=[1]))
    np.testing.assert_array_equal(found, shown(values, 2**bits - 1, 1.0 - (values[..., 0] == 1)).round())


@pytest.mark.parametrize("bits", TOPS)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("deflated", [False, True])
def test_sixteen_bit_tiffs_of_which_some_bits_are_used(tmp_path, generator, bits, order, deflated):
    for channels, extra in ((3, None), (4, 0), (4, 1), (4, 2)):
        values = generator.integers(0, TOPS[bits] + 1, (19, 21, channels)).astype(np.uint16)
        opaque = None
        if extra:
            values[..., 3] = generator.integers(0, TOPS[16] + 1, (19, 21))
            opaque = values[..., 3] / TOPS[16]
        expected = shown(values[..., :3], TOPS[bits], opaque)
        if extra == 1:  # colours are stored times what they are opaque
            values[..., :3] = values[..., :3] * opaque[..., None]
        tags = {} if extra is None else {338: [extra]}
        data = tiff(values, order=order, deflated=deflated, tags=tags)
        np.testing.assert_allclose(read(tmp_path, data), expected, atol=2.5, err_msg=f"{channels} {extra}")
        turned = read(tmp_path, tiff(values, order=order, deflated=deflated, tags={**tags, 274: [6]}))
        np.testing.assert_allclose(turned, np.rot90(expected, -1), atol=2.5, err_msg=f"{channels} {extra}")


@pytest.mark.parametrize("bits", TOPS)
@pytest.mark.parametrize("order", ["<", ">"])
def test_tiffs_that_hold_one_colour_after_the_other(tmp_path, generator, bits, order):
    values = generator.integers(0, TOPS[bits] + 1, (19, 21, 3)).astype(np.uint16)
    found = read(tmp_path, tiff(values, order=order, planes=True))
    np.testing.assert_allclose(found, shown(values, TOPS[bits]), atol=1)
    data = tiff(values, order=order, planes=True, deflated=True)
    if bits == 16:
        np.testing.assert_allclose(read(tmp_path, data), shown(values, TOPS[bits]), atol=1)
    else:  # of which Pillow gives the high bytes alone
        with pytest.raises(ValueError, match="one after the other: save it with those of a pixel side by side"):
            read(tmp_path, data)


def test_sixteen_bit_inks(tmp_path, generator):
    for bits in (12, 16):
        values = generator.integers(0, TOPS[bits] + 1, (9, 11, 4)).astype(np.uint16)
        light = 1 - values / TOPS[bits]
        found = read(tmp_path, tiff(values, photometric=5))
        np.testing.assert_allclose(found, 255 * light[..., :3] * light[..., 3:], atol=3)


def test_grey_tiffs_of_every_kind_of_numbers(tmp_path, generator):
    """Each is read as what it is, or is an error."""
    for kind, order, deflated, photometric in itertools.product(
        ("u1", "u2", "u4", "i1", "i2", "i4", "f4"), "<>", (False, True), (0, 1)
    ):
        top = 100 if kind in ("u1", "i1") else 4095
        values = generator.integers(0, top + 1, (9, 11, 1))
        sample_format = {"u": 1, "i": 2, "f": 3}[kind[0]]
        options = {"order": order, "deflated": deflated, "photometric": photometric, "sample_format": sample_format}
        try:
            found = read(tmp_path, tiff(values.astype(kind), **options))
        except ValueError as error:
            assert "save it" in str(error), (kind, options, error)
            continue
        assert kind not in ("i1", "f4")
        expected = shown(values, 255 if kind == "u1" else 4095)
        np.testing.assert_allclose(found, expected if photometric else 255 - expected, atol=1, err_msg=f"{kind}{order}")
    values[0] = -5
    for kind, deflated in itertools.product(("i2", "i4"), (False, True)):
        with pytest.raises(ValueError, match="its values go from -5 to .*save it with 8 or 16 bits"):
            read(tmp_path, tiff(values.astype(kind), deflated=deflated, photometric=1, sample_format=2))
    values[0] = 70_000
    with pytest.raises(ValueError, match="its values go from .* to 70000: save it"):
        read(tmp_path, tiff(values.clip(0).astype("u4"), photometric=1))


@pytest.mark.parametrize("factor", [1, 16, 257])
def test_palettes_of_tiffs_of_which_some_bits_are_used(tmp_path, generator, factor):
    numbers = generator.integers(0, 256, (9, 11, 1)).astype(np.uint8)
    palette = generator.permuted(np.tile(np.arange(256), (3, 1)), axis=1)
    data = tiff(numbers, photometric=3, tags={320: (palette * factor).reshape(-1).tolist()})
    np.testing.assert_allclose(read(tmp_path, data), palette.T[numbers[..., 0]], atol=1)


# --- other kinds of pixels


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_images_of_every_mode_in_every_format(tmp_path, generator, mode):
    pixels = Image.fromarray(generator.integers(0, 256, (12, 10, 4), dtype=np.uint8))
    image = pixels.convert(mode) if mode in ("LA", "RGBA") else pixels.convert("RGB").convert(mode)
    seen = image
    if "A" in mode:
        seen = seen.convert("RGBA")
        seen = Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen)
    expected = np.asarray(seen.convert("RGB"))
    written = 0
    for kind, options in (("PNG", {}), ("TIFF", {}), ("BMP", {}), ("GIF", {}), ("WEBP", {"lossless": True})):
        try:
            data = saved(image, kind, **options)
        except (OSError, ValueError):  # of a kind that has no such images
            continue
        if (
            (kind == "BMP" and mode == "RGBA")
            or (kind == "GIF" and mode not in ("1", "L", "P"))
            or (kind == "WEBP" and mode != "RGB")
        ):
            continue  # which lose transparency, or change their colours, when they are written
        np.testing.assert_allclose(read(tmp_path, data), expected, atol=1, err_msg=kind)
        written += 1
    assert written


def test_grey_that_is_the_darker_the_more_transparent(tmp_path, generator):
    opaque = generator.integers(0, 256, (9, 11, 1))
    values = np.concatenate([opaque // 2, opaque], axis=-1).astype(np.uint8)
    found = read(tmp_path, tiff(values, photometric=1, tags={338: [1]}))
    np.testing.assert_allclose(found, shown(127.5 + 0 * opaque, 255, opaque[..., 0] / 255), atol=130 / 16)
    np.testing.assert_allclose(
        found[opaque[..., 0] > 128], (255 - opaque / 2).repeat(3, -1)[opaque[..., 0] > 128], atol=2
    )


def test_what_cannot_be_read_right_says_what_to_do(tmp_path):
    for message, data in (
        ("its colours are LAB: save it as RGB", saved(Image.frombytes("LAB", (4, 4), bytes(48)), "TIFF")),
        ("its values are fractions: save it with 8 or 16 bits", saved(Image.new("F", (4, 4)), "TIFF")),
        (
            "its greys and transparencies lie one after the other",
            tiff(GREYS, planes=True, deflated=True, **GREY),
        ),
        ("its greys and transparencies lie one after the other", tiff(GREYS, planes=True, **GREY)),
    ):
        with pytest.raises(ValueError, match=message):
            read(tmp_path, data)


def test_only_the_formats_that_are_documented_are_read_whatever_their_name(tmp_path):
    image = Image.new("RGB", (8, 8), (10, 200, 30))
    for kind in ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP", "MPO"):
        found = read(tmp_path, saved(image, kind), "a.png")
        assert np.abs(found.astype(int) - (10, 200, 30)).max() < 8, kind
    for kind in ("DDS", "PPM", "TGA", "PCX", "ICO", "EPS", "PDF", "SGI", "IM", "JPEG2000", "AVIF", "DIB"):
        try:
            data = saved(image, kind)
        except (KeyError, OSError):  # Pillow was built without it
            continue
        with pytest.raises(ValueError, match="it is no BMP, GIF, JPEG, PNG, TIFF or WebP"):
            read(tmp_path, data, "a.png")


def test_of_several_pictures_the_first_is_read(tmp_path):
    first, second = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    for kind in ("GIF", "PNG", "WEBP", "TIFF", "MPO"):
        found = read(tmp_path, saved(first, kind, save_all=True, append_images=[second]))
        assert found[..., 0].min() > 200 > 50 > found[..., 2].max(), kind


# --- what is no file, and what costs too much


def test_what_is_no_file_is_not_opened(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "fifo.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    (tmp_path / "itself.png").symlink_to("itself.png")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.png")
        monkeypatch.setattr(os, "open", None)
        for name, message in (
            ("fifo", "it is a FIFO, no file"),
            ("folder", "it is a folder, no file"),
            ("zero", "it is a device, no file"),
            ("socket", "it is a socket, no file"),
            ("gone", "it is a link that leads nowhere"),
            ("itself", "symbolic links"),
        ):
            with pytest.raises(ValueError, match=f"cannot read the image .*{name}.png: .*{message}"):
                read_image(tmp_path / f"{name}.png")


def test_a_file_that_would_cost_too_much_is_not_decoded(tmp_path, monkeypatch):
    start = time.monotonic()
    side = 12_000
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(side))) + chunk(b"IEND", b"")
    with pytest.raises(ValueError, match="it has 12000x12000 pixels, and 134,217,728 at most are read"):
        read(tmp_path, data)
    with (tmp_path / "sparse.webp").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match="it has 1,099,511,627,776 bytes, and 1,073,741,824 at most are read"):
        read_image(tmp_path / "sparse.webp")
    for kind in (b"zTXt", b"iCCP"):
        plain = saved(Image.new("RGB", (8, 8)), "PNG")
        with pytest.raises(ValueError, match="cannot read the image"):
            read(tmp_path, plain[:33] + chunk(kind, b"a\0\0" + zlib.compress(bytes(2**26))) + plain[33:])
    tile = {322: [2**15], 323: [2**15], 324: [8], 325: [100]}
    with pytest.raises(ValueError, match="it has 1x1 pixels in tiles of 32768x32768"):
        read(tmp_path, tiff(np.zeros((1, 1, 3), np.uint8), deflated=True, tags=tile))
    assert time.monotonic() - start < 10.0
    monkeypatch.setattr(files, "MAX_PIXELS", 63)
    with pytest.raises(ValueError, match="it has 8x8 pixels, and 63 at most are read: make it smaller"):
        read(tmp_path, plain)


def test_tags_that_name_the_same_bytes_a_thousand_times(tmp_path):
    """A reader would keep each tag's: 100 GiB of a third of a megabyte."""
    blob = bytes(100_000)
    entries = b"".join(struct.pack("<HHII", tag, 7, len(blob), 8) for tag in range(1000, 21_000))
    data = b"II*\0" + struct.pack("<I", 8 + len(blob)) + blob + struct.pack("<H", 20_000) + entries + bytes(4)
    start = time.monotonic()
    with pytest.raises(ValueError, match="its tags name more bytes than the file has: it is damaged"):
        read(tmp_path, data)
    for kind in ("PNG", "WEBP"):
        found = read(tmp_path, saved(Image.new("RGB", (8, 6)), kind, exif=b"Exif\0\0" + data))
        assert found.shape == (6, 8, 3), "the pixels are all right"
    assert time.monotonic() - start < 5.0


# --- damage


def samples():
    pixels = np.random.default_rng(0).integers(0, 256, (24, 20, 3), dtype=np.uint8)
    image, exif = Image.fromarray(pixels), Image.Exif()
    exif[0x0112] = 6
    deep = pixels.astype(np.uint16) * 16
    more = {"save_all": True, "append_images": [image]}
    return {
        "bmp": saved(image, "BMP"),
        "gif": saved(image.quantize(16), "GIF", **more),
        "jpeg": saved(image, "JPEG", exif=exif),
        "progressive": saved(image, "JPEG", progressive=True),
        "mpo": saved(image, "MPO", **more),
        "png": saved(image, "PNG", exif=exif),
        "png16": png(deep, 16, 2, transparent=deep[0, 0], interlaced=True),
        "apng": saved(image, "PNG", **more),
        "webp": saved(image, "WEBP", exif=exif),
        "webp_animated": saved(image, "WEBP", **more),
        "tiff": saved(image, "TIFF", exif=exif),
        "tiff_lzw": saved(image, "TIFF", compression="tiff_lzw"),
        "tiff_jpeg": saved(image, "TIFF", compression="jpeg"),
        "tiff_fax": saved(image.convert("1"), "TIFF", compression="group4"),
        "tiff16": tiff(deep, deflated=True),
        "tiff_planes": tiff(deep, planes=True, order=">"),
        "tiff_palette": saved(image.quantize(16), "TIFF"),
    }


@rounds(20, 3000)
@pytest.mark.filterwarnings("ignore")
def test_damaged_images_are_read_or_one_error(tmp_path, seeds):
    for name, data in samples().items():
        assert read(tmp_path, data).dtype == np.uint8
        for seed in seeds:
            start = time.monotonic()
            try:
                found = read(tmp_path, damaged_bytes(data, seed))
                assert found.dtype == np.uint8 and found.ndim == 3 and found.shape[-1] == 3
            except ValueError as error:
                assert str(error).startswith(f"cannot read the image {tmp_path / 'a.png'}: "), (name, seed)
                assert len(str(error)) < 600
            assert time.monotonic() - start < 20.0, (name, seed)

"""Images as cameras, microscopes and people leave them."""

import itertools
import os
import struct
import time
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from PIL import Image

from nasnet_keras.images import fitting
from nasnet_keras.images.files import read_image
from nasnet_keras.images.fitting import resized
from nasnet_keras.images.reading import image_files
from nasnet_keras.training.datasets import image_folder


@pytest.fixture(autouse=True)
def fresh_keras():
    """Instead of the one of `conftest.py`: nothing here uses Keras."""


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **options)
    return path


def colour(size=(6, 8), value=(10, 20, 30)):
    return np.full((*size, 3), value, np.uint8)


def test_sixteen_bits_of_grey_keep_their_shades(tmp_path):
    ramp = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)
    found = read_image(save(tmp_path / "a.png", ramp))
    np.testing.assert_allclose(found, np.repeat((ramp / 257)[..., None], 3, -1), atol=1)
    dark = (ramp // 257).astype(np.uint16)
    np.testing.assert_array_equal(read_image(save(tmp_path / "b.png", dark))[..., 0], dark)
    with pytest.raises(ValueError, match="its values are fractions"):
        read_image(save(tmp_path / "c.tiff", Image.fromarray(ramp.astype(np.float32) / 65535, "F")))


def test_twelve_bits_of_grey_are_not_dark(tmp_path):
    ramp = np.linspace(0, 4095, 64, dtype=np.uint16).reshape(8, 8)
    found = read_image(save(tmp_path / "a.png", ramp))
    np.testing.assert_allclose(found, np.repeat((ramp * (255 / 4095))[..., None], 3, -1), atol=1)


UPRIGHT = {  # as EXIF says it, and what is done to the stored pixels
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    8: lambda x: np.rot90(x),
}


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize(
    ("file", "options"),
    [
        ("a.png", {}),
        ("a.webp", {"lossless": True}),
        ("a.tif", {}),
        ("a.tif", {"compression": "tiff_lzw"}),
        ("a.tif", {"compression": "tiff_adobe_deflate"}),
    ],
)
def test_every_orientation_in_every_format_is_turned_once(tmp_path, generator, mode, file, options):
    pixels = generator.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    stored = Image.fromarray(pixels).convert(mode)
    shown = np.asarray(stored.convert("RGB"))
    for orientation, upright in UPRIGHT.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        found = read_image(save(tmp_path / file, stored, exif=exif, **options))
        np.testing.assert_array_equal(found, upright(shown), err_msg=f"orientation {orientation}")


@pytest.mark.parametrize("suffix", ["png", "tif", "gif", "webp", "jpg"])
def test_images_that_are_cut_off_or_damaged_within_are_errors(tmp_path, generator, suffix):
    pixels = generator.integers(0, 256, (64, 48, 3), dtype=np.uint8)
    data = save(tmp_path / f"a.{suffix}", pixels).read_bytes()
    (tmp_path / f"a.{suffix}").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=f"cannot read the image .*a.{suffix}"):
        read_image(tmp_path / f"a.{suffix}")
    if suffix == "png":  # which has check sums
        middle = len(data) // 2
        (tmp_path / "a.png").write_bytes(data[:middle] + bytes(50) + data[middle + 50 :])
        with pytest.raises(ValueError, match="cannot read the image .*a.png"):
            read_image(tmp_path / "a.png")


def test_photos_stand_upright_and_what_is_transparent_is_white(tmp_path):
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, :4] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90° to the right
    found = read_image(save(tmp_path / "a.png", pixels, exif=exif))
    assert found.shape == (8, 4, 3) and found[:4].min() == 255 and found[4:].max() == 0
    clear = np.zeros((4, 4, 4), np.uint8)
    clear[:2, :, 3] = 255  # black above, nothing below
    found = read_image(save(tmp_path / "b.png", clear))
    assert found[:2].max() == 0 and found[2:].min() == 255


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_photo_whose_description_is_damaged_is_read(tmp_path):
    """Orientation as it should be, and a width that is a text."""
    entries = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + struct.pack("<HHI4s", 0x0100, 2, 1, b"x\0\0\0")
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + entries + struct.pack("<I", 0)
    path = save(tmp_path / "a.jpg", colour((4, 8)), exif=exif)
    assert read_image(path).shape == (8, 4, 3)
    for cut in range(8, len(exif)):
        assert sorted(read_image(save(path, colour((4, 8)), exif=exif[:cut])).shape) == [3, 4, 8]


def test_images_are_brought_to_a_size(generator):
    images = [generator.integers(0, 256, (*size, 3), dtype=np.uint8) for size in ((8, 8), (16, 8), (8, 20), (3, 5))]
    brought = resized(images, (8, 8, 3), "here")
    assert brought.shape == (4, 8, 8, 3) and brought.dtype == np.uint8
    np.testing.assert_array_equal(brought[0], images[0])
    np.testing.assert_array_equal(brought[1], images[1][4:12])
    np.testing.assert_array_equal(brought[2], images[2][:, 6:14])
    grey = resized(images, (8, 8, 1), "here")
    assert grey.shape == (4, 8, 8, 1) and np.ptp(grey) > 50
    np.testing.assert_array_equal(resized(grey, (8, 8, 3), "here")[..., 1], grey[..., 0])
    start = time.process_time()
    assert resized([np.zeros((6000, 1, 3), np.uint8)], (331, 331, 3), "here").shape == (1, 331, 331, 3)
    assert time.process_time() - start < 1.0, "a long image is not made large before it is cut"


def test_any_side_is_brought_to_any_other():
    """The part of an image that is left over lies within it, however its sides are rounded."""
    for wanted in (28, 64, 100, 224, 331):
        for side in (*range(1, 300), 768, 1536):
            for shape in ((side, side + 1, 1), (side + 7, side, 1)):
                assert resized([np.zeros(shape, np.uint8)], (wanted, wanted, 1), "here").shape[1] == wanted


def test_values_that_are_no_pixels():
    whole = np.full((2, 2, 3), 200.0)
    np.testing.assert_array_equal(resized([whole, whole * 0 + 1], (2, 2, 3), "here")[1], 1), "a dark image is no error"
    for message, image in (
        ("got fractions up to 0.784: times 255", whole / 255),
        ("values from -1.0 to -1.0", whole * 0 - 1),
        ("values from 0 to 255, got values from nan", whole * np.nan),
        ("values from 0 to 255, got <U1", np.full((2, 2, 3), "a")),
        (r"expected images of \(height, width, 3\), got one of \(2, 2, 2\)", whole[..., :2]),
        (r"got one of \(2, 2\)", whole[..., 0]),
        (r"got one of \(0, 2, 3\)", whole[:0]),
        ("greys or colours, got one of a palette, mode P: convert it", Image.new("P", (2, 2))),
    ):
        with pytest.raises(ValueError, match=message):
            resized([image], (2, 2, 3), "here")
    for nothing in ([], iter([])):
        with pytest.raises(ValueError, match="no images in here"):
            resized(nothing, (2, 2, 3), "here")
    with pytest.raises(
        ValueError, match="here: 1,000,000,000 images of 331x331 need .* GiB of memory, where .* are free"
    ):
        resized(iter([whole]), (331, 331, 3), "here", count=10**9)
    with pytest.raises(ValueError, match="different sizes"):
        resized([whole, whole[:1]], (None, None, 3), "here")


def test_folders_of_real_life(tmp_path):
    for label in ("car", "train"):  # a class may be called like a split
        save(tmp_path / "flat" / label / "a.png", colour())
    (tmp_path / "flat" / "car" / "._a.png").write_text("of the system")
    (tmp_path / "flat" / "run").mkdir()
    (tmp_path / "flat" / "run" / "fine_tuning.json").write_text("{}")
    loaded = image_folder.load(tmp_path / "flat")
    assert loaded.class_names == ("car", "train") and set(loaded.splits) == {"train"}
    for split in ("train", "val", "test"):
        save(tmp_path / "split" / split / "car" / "a.png", colour())
        save(tmp_path / "split" / split / "dog" / "b.png", colour())
    (tmp_path / "split" / "nasnet_finetune").mkdir()
    (tmp_path / "split" / "nasnet_finetune" / "fine_tuning.json").write_text("{}")
    assert set(image_folder.load(tmp_path / "split").splits) == {"train", "validation", "test"}
    assert len(image_files(tmp_path / "split" / "val")) == 2, "in folders too"
    (tmp_path / "split" / "validation").mkdir()
    with pytest.raises(ValueError, match="has both val and validation"):
        image_folder.load(tmp_path / "split")
    (tmp_path / "flat" / "dog").mkdir()
    (tmp_path / "flat" / "dog" / "a.heic").write_text("another format")
    with pytest.raises(ValueError, match="dog has no images: expected FOLDER/CLASS/IMAGE.*of files of .bmp"):
        image_folder.load(tmp_path / "flat")


def test_images_that_nobody_counted(monkeypatch, caplog, generator):
    """Many of them, and those that never end."""
    images = generator.integers(0, 256, (5000, 2, 2, 3), dtype=np.uint8)
    np.testing.assert_array_equal(resized(iter(images), (2, 2, 3), "here"), images)
    monkeypatch.setattr(fitting, "_MANY", 2000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=10_000 * 12))
    with pytest.raises(ValueError, match="here: 8,192 images of 2x2 need .* GiB of memory, where"):
        resized(itertools.repeat(images[0]), (2, 2, 3), "here")
    assert "here: 2048 images so far; if it has no end" in caplog.text


@pytest.mark.parametrize("spellings", [("Train", "Val", "Test"), ("training", "VALIDATION", "Testing")])
def test_splits_are_known_however_they_are_spelt(tmp_path, spellings):
    for split in spellings:
        for label in ("car", "dog"):
            save(tmp_path / split / label / "a.png", colour())
    loaded = image_folder.load(tmp_path)
    assert set(loaded.splits) == {"train", "validation", "test"} and loaded.class_names == ("car", "dog")
    (tmp_path / "valid" / "tensorboard").mkdir(parents=True)  # the folder of a job is no split, whatever its name
    (tmp_path / "valid" / "fine_tuning.json").write_text("{}")
    assert image_folder.load(tmp_path).class_names == ("car", "dog")
    save(tmp_path / "train" / "car" / "a.png", colour())
    with pytest.raises(ValueError, match="has both .* and .*: expected FOLDER"):
        image_folder.load(tmp_path)


def test_folders_of_the_system_are_no_classes_and_their_images_none_of_ours(tmp_path):
    for path in ("cat/1.png", "dog/1.png", "cat/@eaDir/1.png/SYNOPHOTO_THUMB_M.jpg"):
        save(tmp_path / path, colour())
    for path in ("__MACOSX/cat/._1.png", "$RECYCLE.BIN/desktop.ini", "System Volume Information/tracking.log"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text("of the system")
    loaded = image_folder.load(tmp_path)
    assert loaded.class_names == ("cat", "dog") and len(loaded.splits["train"]) == 2


def test_what_is_not_read_is_told(tmp_path, caplog):
    for path in ("rose/1.png", "rose/indoor/2.png", "rose/indoor/.hidden/3.png", "tulip/1.png", "beside.jpg"):
        save(tmp_path / path, colour())
    for index in range(3):
        (tmp_path / "rose" / f"{index}.heic").write_text("another format")
    loaded = image_folder.load(tmp_path)
    assert np.bincount(loaded.splits["train"].labels).tolist() == [2, 1], "in folders of a class too"
    assert "4 files are not read (3 .heic, 1 .jpg)" in caplog.text
    assert len(image_files(tmp_path / "rose")) == 2
    caplog.clear()
    for path in (".lily/1.png", ".beside.png", ".lily/._2.png"):
        save(tmp_path / path, colour())
    assert image_folder.load(tmp_path).class_names == ("rose", "tulip")
    assert "3 hidden images are not read" in caplog.text, "hidden classes, too"
    caplog.clear()
    image_folder.load(save(tmp_path / "clean" / "a" / "1.png", colour()).parent.parent)
    assert not caplog.text
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty has no images"):
        image_folder.load(tmp_path)


def test_a_name_that_is_no_text(tmp_path):
    folder = os.fsencode(tmp_path / "images")
    os.makedirs(folder + b"/caf\xe9")  # noqa: PTH103 – of bytes
    save(tmp_path / "a.png", colour()).rename(os.fsdecode(folder + b"/caf\xe9/a.png"))
    with pytest.raises(ValueError, match="is not in UTF-8: rename it"):
        image_folder.load(tmp_path / "images")


def test_a_name_is_one_class_however_its_accents_are_written(tmp_path):
    composed, decomposed = "café", "cafe\u0301"
    for split, name in (("train", decomposed), ("test", composed)):
        for label in (name, "tea"):
            save(tmp_path / split / label / "a.png", colour())
    loaded = image_folder.load(tmp_path)
    assert loaded.class_names == (composed, "tea")
    assert [split.labels.tolist() for split in loaded.splits.values()] == [[0, 1], [0, 1]]
    save(tmp_path / "train" / composed / "b.png", colour())
    with pytest.raises(ValueError, match="train has two folders named 'café', in two ways to write it"):
        image_folder.load(tmp_path)


def test_all_broken_images_are_told_at_once(tmp_path):
    for index in range(8):
        save(tmp_path / "a" / f"{index}.png", colour())
        if index < 7:
            (tmp_path / "a" / f"{index}.png").write_bytes(b"\x89PNG")
    with pytest.raises(ValueError, match=r"(?s)7 problems; .* leaves out all of them:.*a/0\.png: .*\n.*a/6\.png: "):
        image_folder.load(tmp_path, image_shape=(4, 4, 3))

"""Calibration images from a folder are read as those of trainings are."""

import keras
import numpy as np
import pytest
from PIL import Image

from nasnet_keras import ExportError
from nasnet_keras.images.reading import spread
from nasnet_keras.inference.calibration import MOST_IMAGES, calibration_images, input_range

ORIENTATION = 0x0112


def model(shape=(6, 8, 3)):
    return keras.Sequential([keras.Input(shape), keras.layers.Rescaling(1 / 127.5, -1.0), keras.layers.Conv2D(2, 1)])


def picture(number, shape=(6, 8)):
    return np.random.default_rng(number).integers(0, 256, (*shape, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path):
    """Forty ordinary images, in folders of classes."""
    for number in range(40):
        (tmp_path / str(number % 2)).mkdir(exist_ok=True)
        Image.fromarray(picture(number)).save(tmp_path / str(number % 2) / f"{number:02d}.png")
    return tmp_path


def last(folder, shape=(6, 8, 3)):
    """The image whose name is the last."""
    return calibration_images(folder, model(shape))[-1]


def test_photos_are_upright(folder):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    pixels = picture(50)
    Image.fromarray(np.rot90(pixels)).save(folder / "z.png", exif=exif)
    np.testing.assert_array_equal(last(folder), pixels)


def test_16_bits_palettes_and_transparency(folder):
    grey = np.linspace(0, 65535, 48).astype(np.uint16).reshape(6, 8)
    Image.fromarray(grey).save(folder / "z1.png")
    np.testing.assert_allclose(last(folder), np.repeat((grey / 257)[..., None], 3, -1), atol=1)
    colors = Image.fromarray(picture(51)).quantize(16)
    colors.save(folder / "z2.png")
    np.testing.assert_array_equal(last(folder), np.asarray(colors.convert("RGB")))
    clear = np.zeros((6, 8, 4), np.uint8)
    clear[0, 0] = 7, 8, 9, 255
    Image.fromarray(clear).save(folder / "z3.webp", lossless=True)
    assert last(folder)[0, 0].tolist() == [7, 8, 9] and (last(folder).reshape(-1, 3)[1:] == 255).all()


def test_what_is_too_long_is_cut_off_and_grey_models_read_greys(folder):
    pixels = picture(52, (6, 14))
    Image.fromarray(pixels).save(folder / "z.tiff")
    np.testing.assert_array_equal(last(folder), pixels[:, 3:11])
    assert np.abs(last(folder, (6, 8, 1))[..., 0] - pixels[:, 3:11].mean(-1)).mean() < 30


def test_images_of_all_classes_are_taken(tmp_path):
    for number in range(2 * MOST_IMAGES):
        (tmp_path / str(number // MOST_IMAGES)).mkdir(exist_ok=True)
        pixels = picture(number) // 2 + 128 * (number // MOST_IMAGES)
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / str(number // MOST_IMAGES) / f"{number:03d}.png")
    found = calibration_images(tmp_path, model())
    assert len(found) == MOST_IMAGES and (found.min((1, 2, 3)) >= 128).sum() == MOST_IMAGES // 2


def test_links_are_followed(folder, tmp_path_factory):
    """A folder of links is how a part of a data set is chosen."""
    links = tmp_path_factory.mktemp("links")
    for path in folder.rglob("*.png"):
        (links / path.name).symlink_to(path)
    np.testing.assert_array_equal(
        calibration_images(links, model()).sum((0, 1, 2)), calibration_images(folder, model()).sum((0, 1, 2))
    )


def test_bad_folders(folder, tmp_path):
    (folder / "0" / "38.png").write_bytes(b"no image")
    (folder / "1" / "39.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(ExportError, match=r"(?s)no calibration images: .*38\.png: it is no BMP.*39\.png"):
        calibration_images(folder, model())
    with pytest.raises(ExportError, match="1 or 3 channels, and the model reads 4"):
        calibration_images(folder, model((6, 8, 4)))
    (folder / "empty").mkdir()
    (folder / "empty" / "notes.txt").write_text("none")
    with pytest.raises(ExportError, match=r"no images in .*empty: expected files of \.bmp"):
        calibration_images(folder / "empty", model())


def test_spread():
    assert spread(0, 5).tolist() == [] and spread(5, 1).tolist() == [0]
    for count, most in ((3, 5), (5, 5), (7, 5), (1000, 7)):
        found = spread(count, most)
        assert len(set(found.tolist())) == min(count, most) and (found[0], found[-1]) == (0, count - 1)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([keras.layers.Rescaling(1 / 127.5, -1.0)], (0, 255)),
        ([keras.layers.Rescaling([0.02, 0.02, 0.01])], (0, 255)),
        ([keras.layers.Resizing(4, 4), keras.layers.Rescaling(1 / 255)], (0, 255)),
        ([keras.layers.Rescaling(2.0, -1.0)], (0, 1)),  # of what somebody else divided by 255
        ([keras.layers.Conv2D(3, 1), keras.layers.Rescaling(0.0)], (0, 1)),  # an operation of a cell
        ([keras.layers.Normalization(mean=0.5, variance=0.1)], (0, 1)),
        ([], (0, 1)),
    ],
)
def test_the_first_layers_tell_which_values_are_read(layers, expected):
    network = keras.Sequential([keras.Input((6, 8, 3)), *layers, keras.layers.Conv2D(2, 1)])
    pixels = np.stack([picture(number) for number in range(40)]).astype("float32")
    given = pixels if expected[1] == 255 else pixels / 255
    assert input_range(calibration_images(given, network), network) == pytest.approx(expected, abs=0.01)
    other = pixels / 255 if expected[1] == 255 else pixels
    if keras.layers.Normalization in map(type, layers):
        return
    with pytest.raises(ExportError, match="the model reads"):
        calibration_images(other, network)


@pytest.mark.parametrize(
    "begin",
    [
        [keras.layers.RandomFlip(), keras.layers.Rescaling(1 / 255)],
        [keras.layers.RandomCrop(4, 4), keras.layers.ZeroPadding2D(1), keras.layers.Rescaling(1 / 255)],
        [keras.Sequential([keras.Input((6, 8, 3)), keras.layers.RandomFlip(), keras.layers.Rescaling(1 / 255)])],
        [keras.Sequential([keras.layers.RandomFlip(), keras.layers.RandomRotation(0.1)]), keras.layers.Rescaling(0.01)],
        [keras.Sequential([keras.Sequential([keras.layers.Rescaling(1 / 255)]), keras.layers.ReLU()])],
    ],
    ids=["flipped", "cropped and padded", "within a model", "after a model that keeps values", "within two models"],
)
def test_pixels_are_followed_to_where_they_are_rescaled(begin):
    network = keras.Sequential([keras.Input((6, 8, 3)), *begin, keras.layers.Conv2D(2, 1)])
    pixels = np.stack([picture(number) for number in range(40)]).astype("float32")
    assert input_range(calibration_images(pixels, network), network) == (0, 255)
    with pytest.raises(ExportError, match="the model reads values from 0 to 255, got calibration images from 0 to 1"):
        calibration_images(pixels / 255, network)


@pytest.mark.parametrize(
    "begin",
    [
        lambda x: x / 255.0,
        lambda x: keras.applications.resnet.preprocess_input(x),
        keras.layers.BatchNormalization(),
        keras.layers.Rescaling(1.0, offset=[-103.9, -116.8, -123.7]),
        keras.layers.Lambda(lambda x: x / 255.0),
        keras.layers.Normalization(mean=0.5, variance=0.1),
    ],
    ids=["an operation", "means of channels", "batch normalization", "a mean", "a function", "normalization"],
)
def test_what_is_read_by_other_layers_may_be_of_any_range(begin):
    image = keras.Input((6, 8, 3))
    network = keras.Model(image, keras.layers.Conv2D(2, 1)(begin(image)))
    pixels = np.stack([picture(number) for number in range(40)]).astype("float32")
    assert input_range(calibration_images(pixels, network), network) == (0, 255)
    low, high = input_range(calibration_images(pixels / 255, network), network)
    assert 0 <= low < 0.01 and 0.99 < high <= 1
    pixels[0, 0, 0, 0] = np.inf
    with pytest.raises(ExportError, match="values that are not finite"):
        calibration_images(pixels, network)

"""The job `nasnet-export`: a model and folders of images become a file; bad input of every kind is one clear error."""

import shutil
import subprocess
import sys
from pathlib import Path
from threading import Event

import keras
import numpy as np
import pytest
from PIL import Image

from nasnet_keras import pretrained
from nasnet_keras.card import CardError
from nasnet_keras.inference.formats import FORMATS as KINDS
from nasnet_keras.inference.naming import ENDINGS
from nasnet_keras.pretrained import listing, registry
from nasnet_keras.pretrained.export import config as settings
from nasnet_keras.pretrained.export.__main__ import main
from nasnet_keras.pretrained.export.config import ExportConfig
from nasnet_keras.pretrained.export.source import Source, source_of
from nasnet_keras.utils.settings import settings as settings_of

CLASSES = ("blue", "green", "red")


def job(**given):
    """Call the job's `main` as its flags do."""
    usual = {name: ExportConfig.__dataclass_fields__[name].default for name in settings_of(ExportConfig)}
    main({**usual, **given})


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nasnet_keras.utils.files._begun", Event())


@pytest.fixture
def photos(tmp_path):
    """Noise of three colors, `photos/CLASS/IMAGE`."""
    generator = np.random.default_rng(0)
    for number, name in enumerate(CLASSES):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(20):
            pixels = generator.integers(0, 128, (10, 12, 3), dtype=np.uint8)
            pixels[..., 2 - number] += 120
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{index}.png")
    return tmp_path / "photos"


@pytest.fixture
def model(tmp_path):
    """The path of a model that answers the class of each color; it lies alone."""
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(3, 1, name="colors")(keras.layers.Rescaling(1 / 127.5, -1.0)(image))
    x = keras.layers.Conv2D(3, 1, name="answers")(keras.layers.ReLU()(x))
    made = keras.Model(image, keras.layers.Softmax()(keras.layers.GlobalAveragePooling2D()(x)))
    made.get_layer("colors").set_weights([3 * np.eye(3)[None, None, ::-1], np.zeros(3)])
    made.get_layer("answers").set_weights([np.eye(3)[None, None], np.zeros(3)])
    made.save(tmp_path / "tiny.keras")
    return "tiny.keras"


def test_a_model_and_two_folders_are_all_it_needs(model, photos, capsys):
    job(model=model, quantization="int8", calibration_dir="photos", labels="photos")
    shown = capsys.readouterr()
    assert shown.out.startswith("tiny_int8.tflite: litert, quantized as 'int8'")
    assert "on 60 images" in shown.out and "accuracy 100.00% before" in shown.out
    assert "Reading labelled images of photos" in shown.err and Path("tiny_int8.tflite").is_file()


def test_the_name_of_the_file_says_its_format(model, capsys):
    job(model=model, output="folder/")
    assert capsys.readouterr().out.startswith("folder: saved_model")
    for output, name in (("a.onnx", "onnx"), ("a.xml", "openvino"), ("a.b.tflite", "litert"), ("../a", "saved_model")):
        assert ExportConfig("any", output=output).format == name
    assert ExportConfig("any").output_for("m") == ExportConfig("any", "TFLite").output_for("m") == "m.tflite"
    config = ExportConfig("any", "onnx", "weights", calibration_dir="photos")
    assert config.output_for("m") == "m_weights.onnx"


def test_formats_and_modes_are_those_of_exports():
    assert {kind.name: kind.suffix for kind in KINDS.values()} == ENDINGS
    assert {kind.name: kind.modes for kind in KINDS.values()} == settings.MODES
    assert [kind.name for kind in KINDS.values() if kind.retype is not None] == [*settings.TYPED]


def test_labels_follow_from_the_names_of_classes(photos):
    image = keras.Input((6, 6, 3))
    top = keras.Model(image, keras.layers.Dense(5)(keras.layers.GlobalAveragePooling2D()(image)))
    source = Source(top, "mine", "squash", ("red", "white", "green", "black", "blue"))
    images, labels = source.labelled(str(photos))
    assert images.shape == (60, 6, 6, 3) and np.bincount(labels, minlength=5).tolist() == [20, 0, 20, 0, 20]
    assert (images[labels == 0].mean((0, 1, 2)).argmax(), images[labels == 4].mean((0, 1, 2)).argmax()) == (0, 2)
    (photos / "pink").mkdir()
    shutil.copy(photos / "red" / "1.png", photos / "pink")
    with pytest.raises(ValueError, match=r"no classes of mine: pink; expected some of its 5, red, white"):
        source.labelled(str(photos))
    shutil.rmtree(photos / "pink")
    (photos.parent / "split").mkdir()
    for split in ("train", "test"):
        shutil.copytree(photos, photos.parent / "split" / split)
    (photos.parent / "split" / "test" / "red" / "1.png").unlink()
    assert len(source.labelled(str(photos.parent / "split"))[1]) == 59, "the test images"
    with pytest.raises(ValueError, match=r"photos has 3 classes, and mine answers 5"):
        Source(top, "mine", "crop", ()).labelled(str(photos))


def test_images_that_cannot_be_read_are_left_out_if_the_user_says_so(photos):
    (photos / "red" / "1.png").write_bytes(b"no image")
    model = keras.Sequential([keras.Input((6, 6, 3)), keras.layers.GlobalAveragePooling2D()])
    source = Source(model, "a", "crop", CLASSES)
    for read in (source.calibration, source.labelled):
        with pytest.raises(ValueError, match=r"red/1\.png: .*; --skip_unreadable"):
            read(str(photos))
    assert len(source.calibration(str(photos), skip_unreadable=True)) == 59
    assert np.bincount(source.labelled(str(photos), skip_unreadable=True)[1]).tolist() == [20, 20, 19]


def test_calibration_images_are_brought_to_size_as_the_card_says(photos):
    model = keras.Sequential([keras.Input((6, 6, 3)), keras.layers.GlobalAveragePooling2D()])
    found = [Source(model, "a", fit, ()).calibration(str(photos)) for fit in ("crop", "pad")]
    assert found[0].shape == found[1].shape == (60, 6, 6, 3)
    assert (found[1][:, -1] == 128).all() and not (found[0][:, -1] == 128).all()


@pytest.mark.parametrize("format_", ENDINGS)
def test_what_a_format_lacks_is_refused_before_anything_is_loaded(format_):
    given = {"model": "gone", "format": format_, "calibration_dir": "gone"}
    lacking = {"weights", "dynamic", "int8"} - {*settings.MODES[format_]}
    for mode in lacking:
        with pytest.raises(ValueError, match=f"quantization for format '{format_}' must be .*, got '{mode}'"):
            ExportConfig(**given, quantization=mode)
    if format_ in ("onnx", "openvino"):
        for name in ("inference_input_type", "inference_output_type"):
            with pytest.raises(ValueError, match=f"--{name} must be float32 for format '{format_}'"):
                ExportConfig(**given, quantization="int8", **{name: "uint8"})


def test_one_output_answers_two_classes(photos):
    shutil.rmtree(photos / "blue")
    image = keras.Input((6, 6, 3))
    one = keras.Model(image, keras.layers.Dense(1, "sigmoid")(keras.layers.GlobalAveragePooling2D()(image)))
    for names in ((), ("green", "red")):
        images, labels = Source(one, "mine", "crop", names).labelled(str(photos))
        assert images[labels == 1].mean((0, 1, 2)).argmax() == 0 and np.bincount(labels).tolist() == [20, 20]


def test_a_model_is_loaded_whatever_json_lies_beside_it(model, tmp_path):
    expected = source_of(model).model.get_weights()
    for text in (source_of(model).model.to_json(), "[]", "none", "\xff"):
        Path("tiny.json").write_text(text, encoding="latin-1")
        found = source_of(model)
        assert found.name == "tiny" and all(map(np.array_equal, found.model.get_weights(), expected))
    Path("tiny.json").write_text('{"format": "nasnet_keras.card", "version": 1}')
    with pytest.raises(CardError, match=r"tiny\.json lacks"):
        source_of(model)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"model": None}, "give --model: a name that nasnet-finetune --list prints"),
        ({"model": "nasnet_a_cifar"}, "no model 'nasnet_a_cifar': did you mean 'nasnet_a_cifar10'"),
        ({"model": "gone.keras"}, "there is no file 'gone.keras'"),
        ({"model": "notes.keras"}, "notes.keras is no model that Keras saved"),
        ({"model": "photos"}, "expected one card and its weights, .* in photos, got none"),
        ({"format": "tvm"}, "format must be one of litert, onnx, openvino, saved_model, got 'tvm'"),
        ({"format": "h5"}, "format 'h5' is Keras' own format: write it by model.save"),
        ({"output": "a.pt"}, "'a.pt' ends in none of .tflite, .onnx, .xml: end it so, or give format saved_model"),
        ({"output": "a.onnx", "format": "tflite"}, "'a.onnx' has the ending of format 'onnx', and format is 'litert'"),
        ({"output": "photos"}, "'photos' is there, a folder that is no SavedModel"),
        ({"output": "gone/a.onnx"}, "no folder 'gone'"),
        ({"output": ".tflite"}, "'.tflite' is an ending without a name: expected NAME.tflite"),
        ({"quantization": "int8"}, "--quantization=int8 needs --calibration_dir"),
        ({"quantization": "weights"}, "needs images to compare answers on: --calibration_dir or --labels"),
        ({"labels": "photos"}, "--labels: for a quantized model; give --quantization, too"),
        ({"calibration_dir": "photos", "labels": "photos"}, "--calibration_dir and --labels: for a quantized model"),
        ({"quantization": "weights", "calibration_dir": "gone"}, "--calibration_dir: there is no folder 'gone'"),
        ({"quantization": "weights", "labels": "gone"}, "no folder 'gone': expected FOLDER/CLASS/IMAGE"),
        ({"quantization": "int8", "calibration_dir": "empty"}, "no images in empty"),
        ({"quantization": "int8", "calibration_dir": "photos/red"}, "at least 32 different images .*, got 20"),
        ({"quantization": "weights", "labels": "photos/red"}, "photos/red has no images: expected FOLDER/CLASS/IMAGE"),
        (
            {"quantization": "dynamic", "calibration_dir": "photos", "output": "a.onnx"},
            "for format 'onnx' must be one of weights, int8, got 'dynamic'",
        ),
        ({"min_agreement": 1.5}, "min_agreement must be from 0 to 1, got 1.5"),
        ({"min_agreement": 0.5}, "--min_agreement: for a quantized model; give --quantization, too"),
        ({"inference_input_type": "uint8"}, "--inference_input_type: for a quantized model"),
        (
            {"inference_output_type": "int8", "labels": "photos"},
            "--labels and --inference_output_type: for a quantized",
        ),
    ],
)
def test_bad_input_is_an_error_and_nothing_is_written(flags, message, model, photos, tmp_path):
    (tmp_path / "notes.keras").write_text("none")
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=message):
        job(**{"model": model, **flags})
    assert sorted(tmp_path.rglob("*")) == before


def test_an_interrupt_leaves_nothing(model, monkeypatch, tmp_path, capsys):
    def interrupted(fast, path):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    kind = KINDS["litert"]
    monkeypatch.setitem(KINDS, "litert", type(kind)(**{**vars(kind), "write": interrupted}))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SystemExit, match=r"Stopped\. Nothing was written\."):
        job(model=model)
    assert sorted(tmp_path.rglob("*")) == before and not capsys.readouterr().out


def test_models_of_a_run_by_its_folder(tmp_path):
    folder = tmp_path / "nasnet_train"
    folder.mkdir()
    shutil.copy(listing.CARDS / "searched_cifar10.json", folder)
    with pytest.raises(CardError, match=r"NAME\.json and NAME\.weights\.h5, in nasnet_train, got none"):
        pretrained.card("nasnet_train")
    shutil.copy(registry.weights_file("searched_cifar10"), folder / "searched_cifar10.weights.h5")
    (folder / "history.json").write_text("[]")
    for path in ("nasnet_train", "./nasnet_train/", folder):
        assert pretrained.card(path) == pretrained.card("searched_cifar10")
    found = source_of("nasnet_train")
    assert found.name == "searched_cifar10" and found.shape == (32, 32, 3) and found.class_names[0] == "airplane"
    (tmp_path / "mnasnet_cifar10").mkdir()
    assert pretrained.card("mnasnet_cifar10").name == "mnasnet_cifar10", "a name of the package comes first"
    for suffix in (".json", ".weights.h5"):
        shutil.copy(folder / f"searched_cifar10{suffix}", folder / f"other{suffix}")
    with pytest.raises(CardError, match=r"got other\.json, searched_cifar10\.json"):
        pretrained.load(folder)


def test_the_command(model, tmp_path):
    def run(*arguments):
        command = [sys.executable, "-m", "nasnet_keras.pretrained.export", *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)

    done = run(f"--model={model}", "--quantization=int8")
    assert (done.returncode, done.stdout) == (1, "") and done.stderr.count("\n") == 1
    done = run(f"--model={model}", "--format=caffe")
    assert (
        done.returncode == 1 and "format must be one of litert, onnx, openvino, saved_model, got 'caffe'" in done.stderr
    )
    done = run(f"--model={model}", "--output=a.tflite", "--format=tflite")
    assert done.returncode == 0 and done.stdout.startswith("a.tflite: litert, 0.0 MiB"), done.stderr
    assert done.stderr.splitlines() == ["Loading tiny.keras", "Writing and checking a.tflite"]

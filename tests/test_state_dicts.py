"""State dicts of PyTorch's MnasNets as files: what is read of them, and what is refused, with nothing changed."""

import re
import zipfile
from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest
from fuzz import damaged_bytes, rounds
from helpers import randomize
from safetensors.numpy import save_file

from nasnet_keras import Stage, StageGenotype, StagesFromGenotype
from nasnet_keras.genotypes.mnasnet import MNASNET_B1, MNASNET_SMALL
from nasnet_keras.weights import reading
from nasnet_keras.weights.hdf5 import WeightsError
from nasnet_keras.weights.loading import load_weights

SMALL = StageGenotype([Stage("depthwise", 3, 8), Stage("inverted_bottleneck", 5, 8, 2, 2, 3, 0.25)], stem=5, head=12)
_BLOCK = re.compile(r"stage_(\d\d)_layer_(\d\d)_(.+)")
_TIMM = {"stem_conv": ("conv_stem", "bn1"), "head_conv": ("conv_head", "bn2"), "logits": ("classifier",)}
_TORCHVISION = {"stem_conv": ("layers.0", "layers.1"), "head_conv": ("layers.14", "layers.15")}
_TORCHVISION |= {"logits": ("classifier.1",), "stage_01_layer_00_depthwise": ("layers.3", "layers.4")}
_TORCHVISION |= {"stage_01_layer_00_project": ("layers.6", "layers.7")}


def build(genotype=SMALL, **arguments):
    common = {"padding": "torch", "batch_norm_epsilon": 1e-5, "classes": 3, "classifier_activation": None}
    return StagesFromGenotype(genotype, (None, None, 3), **{**common, **arguments})


def named_by_timm(name, names):
    """The modules of a layer."""
    if name in _TIMM:
        return _TIMM[name]
    stage, layer, part = _BLOCK.fullmatch(name).groups()
    inverted = name.replace(part, "expand") in names
    modules = {"expand": ("conv_pw", "bn1"), "depthwise": ("conv_dw", "bn2"), "project": ("conv_pwl", "bn3")}
    modules = modules if inverted else {"depthwise": ("conv_dw", "bn1"), "project": ("conv_pw", "bn2")}
    own = {**modules, "excite": ("se.conv_reduce", "se.conv_expand")}[part]
    return [f"blocks.{int(stage) - 1}.{int(layer)}.{module}" for module in own]


def named_by_torchvision(name, names):
    if name in _TORCHVISION:
        return _TORCHVISION[name]
    stage, layer, part = _BLOCK.fullmatch(name).groups()
    first = {"expand": 0, "depthwise": 3, "project": 6}[part]
    return [f"layers.{int(stage) + 6}.{int(layer)}.layers.{place}" for place in (first, first + 1)]


def state_dict(model, named=named_by_timm):
    """A model's weights as PyTorch's network has them, by the names that another way gives them."""
    found = {}
    names = {layer.name for layer in model.layers}
    for layer in (layer for layer in model.layers if layer.weights):
        values = [weight.numpy() for weight in layer.weights]
        axes = (2, 3, 0, 1) if "depthwise" in layer.name else (3, 2, 0, 1)
        values = [v.transpose(axes) if v.ndim == 4 else v.T for v in values]
        parts = [["weight"], ["weight", "bias", "running_mean", "running_var"]]
        parts = [["weight", "bias"]] * 2 if len(values) in (2, 4) else parts
        keys = [f"{module}.{p}" for module, own in zip(named(layer.name, names), parts, strict=False) for p in own]
        found |= dict(zip(keys, map(np.ascontiguousarray, values), strict=True))
        if len(values) == 5:
            found[keys[1].replace("weight", "num_batches_tracked")] = np.array(3)
    return found


@pytest.fixture(scope="module")
def model():
    made = build()
    randomize(made, np.random.default_rng(0))
    return made


@pytest.fixture(scope="module")
def tensors(model):
    return state_dict(model)


def write(path, tensors):
    (save_file(tensors, path) if path.suffix == ".safetensors" else np.savez(path, **tensors))
    return path


def unchanged(model, path, match, **arguments):
    before = model.get_weights()
    with pytest.raises(WeightsError, match=match):
        load_weights(model, path, known=True, **arguments)
    assert all(map(np.array_equal, before, model.get_weights()))


@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [
        (".safetensors", np.float32),
        (".safetensors", ml_dtypes.bfloat16),  # NumPy's own format has no such type
        (".npz", np.float16),
        (".npz", np.float64),
    ],
)
def test_values_of_every_type_are_loaded(suffix, dtype, model, tensors, tmp_path):
    kept = {name: v if v.dtype.kind == "i" else v.astype(dtype) for name, v in tensors.items()}
    loaded = build(weights=write(tmp_path / f"a{suffix}", kept))  # in a process of its own
    for weight, other in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other.astype(dtype).astype(np.float32))


def test_torchvision_names_its_modules_by_number(model, tmp_path):
    plain = build(replace(SMALL, stages=[replace(stage, squeeze_excite=0.0) for stage in SMALL.stages]))
    randomize(plain, np.random.default_rng(1))
    path = write(tmp_path / "a.safetensors", state_dict(plain, named_by_torchvision))
    other = build(replace(SMALL, stages=[replace(stage, squeeze_excite=0.0) for stage in SMALL.stages]))
    load_weights(other, path, known=True)
    assert all(map(np.array_equal, other.get_weights(), plain.get_weights()))
    unchanged(model, path, r"does not fit the model; .*\n.*stage_02_layer_00_excite: file absent, model \[")


def test_names_and_shapes_that_differ_are_listed(model, tensors, tmp_path):
    def changed(**changes):
        return {name: v for name, v in {**tensors, **changes}.items() if v is not None}

    ones = np.ones(3, np.float32)
    for wrong, match in (
        (changed(**{"bn1.running_var": None}), "timm's MnasNet: it lacks bn1.running_var$"),
        (changed(extra=ones, **{"bn2.weight": None}), "it has extra, and it lacks bn2.weight$"),
        (changed(**{"blocks.0.0.conv_dw.bias": ones}), "it has blocks.0.0.conv_dw.bias$"),
        (
            changed(**{"blocks.0.0.odd.weight": ones, "conv_stem.num_batches_tracked": ones}),
            "it has blocks.0.0.odd.weight, conv_stem.num_batches_tracked$",
        ),
        (changed(**{"conv_stem.weight": ones}), r"stem_conv: file \[\(3,\), \(5,\), .*model \[\(3, 3, 3, 5\)"),
        (changed(**{"classifier.bias": np.ones(3, np.int32)}), r"logits: file \[.*\(3,\) of whole numbers"),
        ({"fc.weight": ones, "a": ones, "b": ones, "c": ones}, "no weights of MnasNet .* got .*, .*, .*, 1 more"),
        ({"a": ones}, "expected conv_stem.weight .timm. or layers.0.weight"),
    ):
        for suffix in (".safetensors", ".npz"):
            unchanged(model, write(tmp_path / f"a{suffix}", wrong), match)
    without_block = {name: v for name, v in tensors.items() if "blocks.1.1" not in name}
    unchanged(model, write(tmp_path / "a.npz", without_block), "stage_02_layer_01_expand: file absent")


def test_of_another_number_of_classes_all_but_the_classifier_is_loaded(model, tensors, tmp_path):
    path, other = write(tmp_path / "a.safetensors", tensors), build(classes=4)
    unchanged(other, path, "the file is for 3 classes, the model has classes=4")
    load_weights(other, path, classifier=False, known=True)
    assert np.array_equal(other.get_layer("head_conv").kernel, model.get_layer("head_conv").kernel)


def test_a_model_that_computes_otherwise_is_refused(tensors, tmp_path):
    path = write(tmp_path / "a.safetensors", tensors)
    both = r"Expected a model padding='torch', not 'same'"
    unchanged(build(padding="same"), path, both)
    unchanged(build(batch_norm_epsilon=1e-3), path, r"Expected a model batch_norm_epsilon=1e-05, not 0.001$")
    for skip in ("none", "pool"):
        other = replace(SMALL, stages=[SMALL.stages[0], replace(SMALL.stages[1], skip=skip)])
        unchanged(build(other), path, "skip='identity' where .* as in stage_02_layer_0[01]$")


def test_whether_the_first_layer_adds_its_input_must_agree(tmp_path):
    """No weight shows it: torchvision's networks never do, and those of timm's code as their tables say."""
    adding = StageGenotype([Stage("depthwise", 3, 8)], stem=8, head=12)
    plain = replace(adding, stages=[replace(adding.stages[0], skip="none")])
    timm, torchvision = (
        write(tmp_path / f"{named.__name__}.npz", state_dict(build(adding), named))
        for named in (named_by_timm, named_by_torchvision)
    )
    for genotype in (adding, plain):  # timm's ds_r1_k3_s1_c8 and ds_r1_k3_s1_c8_noskip
        load_weights(build(genotype), timm, known=True)
    load_weights(build(plain), torchvision, known=True)
    unchanged(build(adding), torchvision, "network does not add the input .* skip='none' in its first stage")


def test_narrow_networks_of_timm_whose_first_layer_adds_nothing_are_loaded(tmp_path):
    """The first two stages of B1 at alpha 0.25, of whose stem and first layer timm makes 8 filters."""
    narrow = StageGenotype(MNASNET_B1.stages[:2], stem=32, head=12)
    path = write(tmp_path / "a.npz", state_dict(build(narrow, alpha=0.25)))
    assert np.load(path)["conv_stem.weight"].shape[0] == np.load(path)["blocks.0.0.conv_pw.weight"].shape[0] == 8
    load_weights(build(narrow, alpha=0.25), path, known=True)


def test_the_table_of_timms_mnasnet_small_adds_the_input_of_its_first_layer(tmp_path):
    """The same widths as those of MnasNet's released code, whose first layer does not."""
    adding = replace(
        MNASNET_SMALL, stages=[replace(MNASNET_SMALL.stages[0], skip="identity"), *MNASNET_SMALL.stages[1:]]
    )
    path = write(tmp_path / "a.npz", state_dict(build(adding)))
    unchanged(build(MNASNET_SMALL), path, "network adds the input of its first layer .* skip='identity' in its first")
    load_weights(build(adding), path, known=True)


def test_version_1_of_torchvision_is_told(tmp_path):
    """Its width multiplier left out the stem and the first layer."""
    rows = [Stage("depthwise", 3, 16, skip="none"), Stage("inverted_bottleneck", 3, 24, 2, 2, 3)]
    table = StageGenotype(rows, stem=32, head=12)
    first = replace(table, stages=[rows[0], replace(rows[1], filters=16)])
    path = write(tmp_path / "a.npz", state_dict(build(first), named_by_torchvision))
    unchanged(build(table, alpha=0.5), path, "version 1 of torchvision's MNASNet, .* 32 filters in its stem and 16")
    load_weights(build(first), path, known=True)


def test_pickles_are_never_read(model, tensors, tmp_path):
    pickled = tmp_path / "a.pth"
    pickled.write_bytes(b"anything")
    archive = tmp_path / "a.npz"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("archive/data.pkl", b"\x80\x02.")
    renamed = tmp_path / "a.safetensors"
    renamed.write_bytes(archive.read_bytes())
    plain = tmp_path / "b.weights.h5"
    plain.write_bytes(b"\x80\x02}q\x00.")
    for path in (pickled, archive, renamed, plain):
        unchanged(model, path, "is a file of torch.save, a pickle, .*never read.*safetensors.torch.save_file")
    objects = tmp_path / "objects.npz"
    np.savez(objects, **{**tensors, "conv_stem.weight": np.array([{}], object)})
    unchanged(model, objects, "no array of numbers, or not all of it, as conv_stem.weight.npy")


CLASSIFIER = {"logits": [((2, 1), reading.FLOATS), ((1,), reading.FLOATS)]}
TENSORS = {"classifier.weight": np.ones((1, 2), np.float32), "classifier.bias": np.ones(1, np.float32)}
TENSORS |= {f"bn1.{part}": np.ones(1, np.float32) for part in ("weight", "bias", "running_mean", "running_var")}
TENSORS["conv_stem.weight"] = np.ones((1, 3, 3, 3), np.float32)
EXPECTED = {**CLASSIFIER, "stem_conv": [((3, 3, 3, 1), reading.FLOATS), *[((1,), reading.FLOATS)] * 4]}


@pytest.mark.parametrize("length", [640, 896, 1152, 1408])
def test_a_header_whose_length_begins_as_a_pickle_is_read(length, tmp_path):
    path = tmp_path / "a.safetensors"
    for padding in range(length):
        save_file(TENSORS, path, {"made": "x" * padding})
        if path.read_bytes()[:8] == length.to_bytes(8, "little"):
            break
    assert path.read_bytes()[0] == 0x80
    assert len(reading.read(path, EXPECTED)) == 2
    path.write_bytes(b"\x80\2\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + bytes(2000))  # as torch.save began once
    with pytest.raises(WeightsError, match="of torch.save, a pickle"):
        reading.read(path, EXPECTED)


def test_what_a_file_is_does_not_depend_on_the_case_of_its_name(tmp_path):
    for suffix, content in ((".npz", "npz"), (".NPZ", "npz"), (".Safetensors", "safetensors")):
        path = tmp_path / f"a{suffix}"
        write(tmp_path / f"b.{content}", TENSORS).rename(path)
        assert len(reading.read(path, EXPECTED)) == 2, suffix


def test_an_archive_is_called_a_pickle_if_it_holds_one(tmp_path):
    for name, member, match in (
        ("a.keras", "config.json", "a whole model of Keras: expected a file of weights, such as"),
        ("a.Keras", "config.json", "a whole model of Keras: expected a file of weights, such as"),
        ("a.weights.h5", "config.json", "cannot be read as a .weights.h5 file"),
        ("a.weights.h5", "a/data.pkl", "of torch.save, a pickle"),
        ("a.NPZ", "data.pkl", "of torch.save, a pickle"),
        ("a.PTH", "config.json", "of torch.save, a pickle"),
    ):
        with zipfile.ZipFile(tmp_path / name, "w") as file:
            file.writestr(member, b"{}")
        with pytest.raises(WeightsError, match=match):
            reading.read(tmp_path / name, EXPECTED)


def test_files_that_are_damaged_or_no_state_dicts_are_refused(model, tensors, tmp_path):
    for suffix in (".safetensors", ".npz"):
        whole = write(tmp_path / f"a{suffix}", tensors).read_bytes()
        for damaged in (b"", whole[:100], whole[:-30], b"{}" + whole[2:]):
            path = tmp_path / f"b{suffix}"
            path.write_bytes(damaged)
            unchanged(model, path, f"b{suffix} cannot be read as a {suffix} file")
    with zipfile.ZipFile(tmp_path / "c.npz", "w") as file:
        file.writestr("notes.txt", "mine")
    unchanged(model, tmp_path / "c.npz", "has a member notes.txt: expected arrays NAME.npy, each once")


@rounds(60, 4000)
def test_a_damaged_file_is_read_or_refused(seeds, tmp_path):
    shapes = {"conv_stem.weight": (4, 3, 3, 3), "classifier.weight": (3, 4), "classifier.bias": (3,)}
    shapes |= {f"bn1.{part}": (4,) for part in ("weight", "bias", "running_mean", "running_var")}
    plain = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
    expected = {
        "stem_conv": [((3, 3, 3, 4), reading.FLOATS), *[((4,), reading.FLOATS)] * 4],
        "logits": [((4, 3), reading.FLOATS), ((3,), reading.FLOATS)],
    }
    for suffix in (".safetensors", ".npz"):
        path = write(tmp_path / f"a{suffix}", plain)
        whole = path.read_bytes()
        assert len(reading.read(path, expected)) == 2
        for seed in seeds:
            path.write_bytes(damaged_bytes(whole, seed))
            try:
                found = reading.read(path, expected)
            except WeightsError as error:
                assert len(str(error)) < 4000
            else:
                assert [[v.shape for v in values] for values in found.values()] == [
                    [shape for shape, _ in kinds] for kinds in expected.values()
                ]

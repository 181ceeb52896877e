"""Cells of NAS-Bench-201: their values, and their networks."""

import json
import os

import keras
import numpy as np
import pytest
from helpers import difference, randomize

import nasnet_keras as nk
from nasnet_keras.genotypes.nasbench201 import NASBENCH201_OPERATIONS
from nasnet_keras.genotypes.reading import genotype_from_json, resolve_genotype
from nasnet_keras.networks.any import network_from_genotype
from nasnet_keras.plotting.cells import genotype_svg
from nasnet_keras.search.spaces.nasbench201 import NASBench201Space
from nasnet_keras.search.study.trial import fingerprint, network_genotype

BEST = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
NOTHING = nk.NASBench201Genotype(["none"] * 6)
TINY = {"num_repeats": 1, "filters": 3, "classes": 4}


def of(*numbers):
    return nk.NASBench201Genotype([NASBENCH201_OPERATIONS[number] for number in numbers])


def counted(genotype, classes, repeats=5, filters=16):
    """(trainable parameters, multiply-adds) at 32×32, from the paper's rules and not from the package's code."""
    parameters, macs, area = 27 * filters + 2 * filters, 27 * filters * 1024, 1024
    for stage in range(3):
        f = filters * 2**stage
        if stage:
            area //= 4
            weights = 9 * f * f // 2 + 9 * f * f + f * f // 2
            parameters, macs = parameters + weights + 4 * f, macs + weights * area
        for operation in genotype.operations * repeats:
            if operation.startswith("nor_conv"):
                weights = int(operation[-1]) ** 2 * f * f
                parameters, macs = parameters + weights + 2 * f, macs + weights * area
    return parameters + 2 * f + (f + 1) * classes, macs + f * classes


def test_published_counts():
    # The benchmark's own extremes, in millions: 0.073306 and 1.531546 for CIFAR-10, 0.079156 and 1.537396 for
    # CIFAR-100; 7.78305 and 220.11969 multiply-adds, which there include ten additions of the classifier's bias.
    largest = of(3, 3, 3, 3, 3, 3)
    found = {name: nk.genotype_cost(name) for name in (str(NOTHING), str(largest))}
    assert [cost.trainable_parameters for cost in found.values()] == [73_306, 1_531_546]
    assert [cost.multiply_adds + 10 for cost in found.values()] == [7_783_050, 220_119_690]
    assert [nk.genotype_cost(name, classes=100).trainable_parameters for name in found] == [79_156, 1_537_396]
    assert nk.genotype_cost(BEST).trainable_parameters == 1_288_506


def test_every_cell_costs_what_the_rules_say():
    space = NASBench201Space()
    for index in range(0, space.size, 97):
        genotype = network_genotype(space.decode(np.unravel_index(index, (5,) * 6)))
        cost = nk.genotype_cost(genotype, classes=7)
        assert (cost.trainable_parameters, cost.multiply_adds) == counted(genotype, 7)


def test_the_value_is_the_benchmarks_text(tmp_path):
    genotype = nk.NASBench201Genotype.from_json(BEST)
    assert str(genotype) == genotype.to_plain() == json.loads(genotype.to_json()) == BEST
    assert genotype.fingerprint == fingerprint(BEST)  # of trials of before
    path = tmp_path / "best_genotype.json"
    for text in (f'"{BEST}"\n', f"{BEST}\n"):  # as studies have written it, and bare
        path.write_text(text)
        for given in (path, str(path), text, genotype):
            assert resolve_genotype(given) == genotype
    assert NASBench201Space().encode(genotype) == NASBench201Space().encode(BEST)
    assert "output = skip_connect(node_0) + nor_conv_3x3(node_1)" in genotype.describe()
    assert "output = zeros" in NOTHING.describe()


@pytest.mark.parametrize(
    "text",
    [
        "|none~0|",
        '"nasnet_a"',
        '"|none~0|"',
        BEST.replace("~2", "~1"),
        BEST.replace("skip", "ship"),
        BEST + "|" * 10**6,
        "|" + "a" * 10**6,
        '"' + "|" * 10**5 + '"',
        '"/etc/passwd"',
        "|",
        '""',
    ],
)
def test_what_is_no_cell_is_one_short_error(text):
    for read in (genotype_from_json, nk.NASBench201Genotype.from_json, nk.Genotype.from_json):
        with pytest.raises(nk.GenotypeError) as caught:
            read(text)
        assert len(str(caught.value)) < 500


@pytest.mark.parametrize("genotype", [of(1, 2, 3, 4, 0, 2), of(4, 0, 1, 3, 3, 0), of(2, 0, 0, 1, 0, 1), NOTHING])
def test_a_network_is_what_its_cost_says_and_is_saved_fused_and_drawn(genotype, tmp_path):
    model = nk.NASBench201FromGenotype(genotype, (9, 10, 2), classifier_activation=None, **TINY)
    assert nk.model_cost(model) == nk.genotype_cost(genotype, (9, 10, 2), **TINY)
    again = network_from_genotype(str(genotype), (None, None, 2), classifier_activation=None, **TINY)
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    randomize(model, np.random.default_rng(2))
    images = np.random.default_rng(0).normal(size=(3, 9, 10, 2)).astype("float32")
    fused = nk.fuse_for_inference(model)
    assert difference(fused(images), model(images)) < 1e-5
    assert not any("Norm" in type(layer).__name__ for layer in fused.layers)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert difference(loaded(images), model(images)) < 1e-6
    picture = genotype_svg(genotype)
    assert picture.count("nor_conv") == sum("nor_conv" in operation for operation in genotype.operations)


def test_a_network_computes_what_the_benchmark_says():
    # node_2 = pool(x) + 0, output = x + pool(x): with weights that pass everything on, by hand.
    genotype = of(0, 4, 3, 1, 3, 1)
    model = nk.NASBench201FromGenotype(genotype, (8, 8, 1), num_repeats=1, filters=2, include_top=False)
    probe = keras.Model(
        model.inputs, [model.get_layer("stem_conv").output, model.get_layer("cell_00_node_3_add").output]
    )
    randomize(model, np.random.default_rng(2))
    for name in ("cell_00_node_2_from_1_conv", "cell_00_node_3_from_1_conv"):  # they read zeros
        layer = model.get_layer(name)
        layer.beta.assign(layer.beta * 0)
        layer.moving_mean.assign(layer.moving_mean * 0)
    x, found = map(np.asarray, probe(np.random.default_rng(1).normal(size=(2, 8, 8, 1)).astype("float32")))
    assert difference(found, x + keras.ops.average_pool(x, 3, 1, "same")) < 1e-5


def test_the_best_cell_of_a_search_is_trained(tmp_path):
    from nasnet_keras.card import Card
    from nasnet_keras.training import datasets, job
    from nasnet_keras.training.config import TrainingConfig
    from nasnet_keras.training.recipes import Recipe

    path = tmp_path / "best_genotype.json"
    path.write_text(json.dumps(BEST) + "\n")
    config = TrainingConfig(
        tmp_path / "run", str(path), recipe=Recipe(epochs=1, batch_size=64, learning_rate=0.1), num_repeats=1, filters=4
    )
    card = Card.read(job.train(config, datasets.load("digits")).path)
    assert str(card.genotype) == BEST and card.network["num_repeats"] == 1
    built = card.build(weights=os.fspath(tmp_path / "run" / card.weights.file))
    assert built.count_params() == card.cost["parameters"]
    with pytest.raises(ValueError, match="stem='imagenet' is not for a NASBench201Genotype"):
        TrainingConfig(tmp_path / "other", BEST, stem="imagenet")

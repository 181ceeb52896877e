"""MnasNet's search space, and searches of it with trained children."""

import dataclasses
import json

import numpy as np
import pytest

from nasnet_keras import Stage, StageGenotype
from nasnet_keras.genotypes.catalogue import NASNET_A
from nasnet_keras.genotypes.mnasnet import MNASNET_A1, MNASNET_B1
from nasnet_keras.networks.cost import genotype_cost
from nasnet_keras.search import SearchConfig, algorithms, load_study, run
from nasnet_keras.search.evaluators.child import ChildEvaluator
from nasnet_keras.search.spaces import make
from nasnet_keras.search.spaces.mnasnet import BASES, MnasNetSpace
from nasnet_keras.search.testing import check_space
from nasnet_keras.training.recipes import Recipe

SMALL, PAPER = MnasNetSpace(), MnasNetSpace("imagenet")
RECIPE = Recipe(epochs=1, batch_size=32, learning_rate=0.05)


def corner(space, last):
    return space.decode([len(one.choices) - 1 if last else 0 for one in space.decisions])


def cost(space, genotype, side, classes):
    return genotype_cost(genotype, (side, side, 3), classes=classes, **space.network)


def changed(genotype, number, **values):
    stages = list(genotype.stages)
    stages[number] = dataclasses.replace(stages[number], **values)
    return dataclasses.replace(genotype, stages=tuple(stages))


@pytest.mark.parametrize("space", [SMALL, PAPER], ids=list(BASES))
def test_the_contract(space):
    check_space(space)


def test_golden_numbers_of_choices():
    assert (SMALL.size, PAPER.size) == (432**6, 432**7)
    counts = [len(one.choices) for one in PAPER.decisions]
    assert counts == [4, 2, 2, 3, 3, 3] * 7 and np.prod(counts[:6]) == 432, "Tan et al. 2019, section 4.1: S = 432"
    layers = [one.choices for one in PAPER.decisions if one.name.endswith("_layers")]
    assert layers[0] == layers[6] == ("1", "2", "3") and layers[3] == ("3", "4", "5")
    assert PAPER.decisions[28].choices == ("72", "96", "120") and SMALL.network == {"stem_stride": 1}


def test_golden_costs_of_the_smallest_and_the_largest_network():
    small, large = (cost(SMALL, corner(SMALL, last), 32, 10) for last in (False, True))
    assert (small.trainable_parameters, small.multiply_adds) == (16_569, 651_328)
    assert (large.trainable_parameters, large.multiply_adds) == (968_128, 31_784_924)
    small, large = (cost(PAPER, corner(PAPER, last), 224, 1000) for last in (False, True))
    assert (small.trainable_parameters, small.multiply_adds) == (1_668_246, 43_626_584)
    assert (large.trainable_parameters, large.multiply_adds) == (18_010_382, 1_861_107_636)


def test_no_random_network_is_outside_of_the_corners(generator):
    for _ in range(200):
        found = cost(SMALL, SMALL.decode(SMALL.sample(generator)), 32, 10)
        assert 651_328 <= found.multiply_adds <= 31_784_924 and 16_569 <= found.trainable_parameters <= 968_128


def test_mnasnet_a1_as_far_as_the_space_has_it():
    """Its fifth stage has 112 filters, which are no quarter more or less than MobileNetV2's 96."""
    with pytest.raises(ValueError, match="stage_5_filters must be one of 72, 96, 120, got '112'"):
        PAPER.encode(MNASNET_A1)
    near = changed(MNASNET_A1, 4, filters=120)
    assert PAPER.decode(PAPER.encode(near)) == near
    near = changed(MNASNET_B1, 5, filters=200)
    assert PAPER.decode(PAPER.encode(near)) == near


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kernel": 7}, "stage_2_kernel must be one of 3, 5, got '7'"),
        ({"expansion": 9}, "stage_2_operation must be one of depthwise.*got 'inverted_bottleneck_9'"),
        ({"squeeze_excite": 0.250001}, "stage_2_squeeze_excite must be one of 0.0, 0.25"),
        ({"layers": 4}, "stage_2_layers must be one of 1, 2, 3, got '4'"),
        ({"stride": 1}, "the strides of a network of the base imagenet must be"),
    ],
)
def test_networks_that_are_not_of_the_space(change, message):
    with pytest.raises(ValueError, match=message):
        PAPER.encode(changed(changed(MNASNET_A1, 4, filters=120), 1, **change))


def test_other_networks_are_not_of_the_space():
    for other, message in [
        (NASNET_A, "expected a StageGenotype"),
        (dataclasses.replace(MNASNET_A1, stem=16), "the stem .* must be 32, got 16"),
        (dataclasses.replace(MNASNET_A1, head=0), "the head .* must be 1280, got 0"),
        (dataclasses.replace(MNASNET_A1, stages=MNASNET_A1.stages[:6]), "the strides .* must be"),
        (StageGenotype([Stage("conv", 3, 8)]), "the head|the strides"),
    ]:
        with pytest.raises(ValueError, match=message):
            PAPER.encode(other)
    with pytest.raises(ValueError, match="base must be one of cifar, imagenet, got 'tpu'"):
        make("mnasnet", base="tpu")


# --- settings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"space": "mnasnet", "filters": 16}, "filters=16 is for spaces other than"),
        ({"space": "mnasnet", "num_repeats": 2}, "num_repeats=2 is for spaces other than"),
        ({"space": "mnasnet", "final_filters": 16}, "final_filters=16 is for spaces other than"),
        ({"space": "nasnet", "alpha": 0.5}, "alpha=0.5 is for 'mnasnet'; space is 'nasnet'"),
        ({"space": "nas", "base": "imagenet"}, "base='imagenet' is for 'mnasnet'; space is 'nas'"),
        ({"space": "mnasnet", "alpha": 0}, "alpha must be"),
        ({"space": "mnasnet", "base": "mobile"}, "base must be one of cifar, imagenet"),
        ({"space": "mnasnet", "algorithm": "nas"}, "algorithm 'nas' is for the space 'nas' only"),
        ({"space": "mnasnet", "evaluator": "supernet"}, "evaluator 'supernet' judges genotypes of"),
    ],
)
def test_settings_that_contradict_the_space(values, message):
    with pytest.raises(ValueError, match=message):
        SearchConfig("study", **values)


def test_sizes_of_finalists():
    config = SearchConfig("study", space="mnasnet", alpha=0.5, final_alpha=2)
    assert config.sizes()["alpha"] == 0.5 and config.final_settings()["alpha"] == 2
    assert SearchConfig("study", space="mnasnet", alpha=0.5).final_settings()["alpha"] == 0.5
    assert "alpha" not in SearchConfig("study").final_settings(), "finished studies of other spaces stay finished"


# --- searches


@pytest.mark.parametrize("algorithm", ["random", "evolution", "ppo", "reinforce"])
def test_algorithms_propose_networks_of_the_space(algorithm):
    settings = {"evolution": {"population_size": 3}}.get(algorithm, {})
    made = algorithms.make(algorithm, SMALL, 0, **settings)
    proposed = []
    for trial in range(6):
        proposed.append(SMALL.decode(made.ask(trial)))
        made.tell(SMALL.encode(proposed[-1]), trial / 10)
    assert len(set(proposed)) == 6


def config(folder, **changes):
    values = {"executor": "inline", "algorithm": "random", "train_images": 64, "trials": 1, "finalists": 1}
    return SearchConfig(folder, space="mnasnet", recipe=RECIPE, final_epochs=1, **{**values, **changes})


def test_a_child_is_trained_and_its_costs_are_those_of_its_size(tmp_path):
    evaluator = ChildEvaluator(config(tmp_path))
    evaluator.accept(SMALL)
    genotype = corner(SMALL, last=False)
    reward, metrics = evaluator.evaluate(genotype, 0)
    assert 0.0 <= reward <= 1.0 and np.isfinite(metrics["loss"])
    known = dataclasses.asdict(genotype_cost(genotype, (8, 8, 1), stem_stride=1, alpha=1.0))
    assert {name: metrics[name] for name in known} == known == evaluator.costs(genotype)
    wide = ChildEvaluator(config(tmp_path, alpha=2.0, base="imagenet")).costs(corner(PAPER, last=False))
    assert wide == dataclasses.asdict(genotype_cost(corner(PAPER, last=False), (8, 8, 1), stem_stride=2, alpha=2.0))


@pytest.mark.slow
def test_a_whole_search_with_wider_finalists(tmp_path):
    settings = config(tmp_path, algorithm="ppo", trials=3, random_trials=1, final_alpha=2.0, children_per_update=2)
    study = run(settings)
    assert [trial.status for trial in study.trials] == ["ok"] * 3
    finalist, child = study.result["finalists"][0], study.best
    assert finalist["metrics"]["parameters"] > 1.5 * child.metrics["parameters"], "twice as wide"
    card = json.loads((tmp_path / study.result["card"]).read_text())
    assert card["network"]["alpha"] == 2.0 and card["network"]["stem_stride"] == 1
    page = (tmp_path / "report.html").read_text()
    assert "α&nbsp;=&nbsp;1" in page and "F&nbsp;=" not in page
    assert load_study(tmp_path).best.genotype == child.genotype

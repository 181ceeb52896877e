"""NAS: its space, its controller, and searches layer by layer."""

import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import difference, mostly_fuzz

from nasnet_keras import ChainFromGenotype, ChainGenotype, ChainLayer, genotypes
from nasnet_keras.search import SearchConfig, StudyError, load_study, registry, run
from nasnet_keras.search.algorithms.nas import NAS
from nasnet_keras.search.algorithms.random import RandomSearch
from nasnet_keras.search.controllers.nas import NASController
from nasnet_keras.search.evaluators.child import ChildEvaluator
from nasnet_keras.search.spaces.nas import ChainSpace
from nasnet_keras.training.recipes import Recipe

SPACE = ChainSpace(num_layers=4, predict_strides=True)
GROWING = ChainSpace(num_layers=9, deepen_every=100, pool_after=(1, 7))


# --- the space


def test_decisions_come_in_the_papers_order():
    names = [decision.name for decision in ChainSpace(num_layers=3, predict_strides=True).decisions[6 + 5 :]]
    sizes = ("height", "width", "stride_height", "stride_width", "filters")
    reads = ("layer_2_reads_layer_0", "layer_2_reads_layer_1")
    assert names == [*(f"layer_2_{size}" for size in sizes), *reads]
    assert ChainSpace(num_layers=4).size == 64**4 * 2**6 and SPACE.size == 576**4 * 2**6
    assert ChainSpace().num_layers == 6


def test_genotypes_of_every_choice():
    genotype = SPACE.decode((0, 3, 1, 2, 3, *(1, 0, 0, 0, 0), 1, *(2, 2, 0, 0, 1), 0, 1, *(0, 0, 0, 0, 2), 0, 0, 0))
    assert genotype == ChainGenotype(
        [
            ChainLayer((1, 7), 64, strides=(2, 3)),
            ChainLayer((3, 1), 24, ["layer_0"]),
            ChainLayer((5, 5), 36, ["layer_1"]),
            ChainLayer((1, 1), 48),
        ]
    )
    assert dataclasses.replace(SPACE, pool_after=[2, 0, 2]).decode((0,) * 26).pooled == ("layer_0", "layer_2")


def test_a_space_grows_by_two_layers_at_a_time(generator):
    depths = [GROWING.at(trial).num_layers for trial in (0, 99, 100, 199, 200, 300, 10**6)]
    assert depths == [6, 6, 8, 8, 9, 9, 9]
    assert SPACE.at(10**6) is SPACE
    for trial in (0, 100, 250):
        part = GROWING.at(trial)
        assert part.decisions == GROWING.decisions[: len(part.decisions)]
        choices = part.sample(generator)
        genotype = part.decode(choices)
        assert GROWING.decode(choices) == genotype and GROWING.encode(genotype) == part.encode(genotype) == choices
        assert len(genotype.layers) == part.num_layers
        assert genotype.pooled == (("layer_1",) if part.num_layers < 8 else ("layer_1", "layer_7"))
        assert len(GROWING.mutate(choices, generator)) == len(choices)


@pytest.mark.parametrize(
    ("genotype", "message"),
    [
        (genotypes.NASNET_A, "expected a ChainGenotype, got"),
        (ChainGenotype([ChainLayer((3, 3), 24)]), "must have 2 layers, got 1"),
        (ChainGenotype([ChainLayer((3, 3), 24)] * 2, ["layer_0"]), "must pool layer_1, got layer_0"),
        (ChainGenotype([ChainLayer((3, 3), 24)] * 2), "must pool layer_1, got no layer"),
        (ChainGenotype([ChainLayer((3, 3), 24, (), (1, 2))] * 2, ["layer_1"]), "layer_0 must have strides 1x1"),
    ],
)
def test_genotypes_of_other_spaces_are_refused(genotype, message):
    with pytest.raises(ValueError, match=message):
        ChainSpace(num_layers=2, pool_after=(1,)).encode(genotype)


def test_bad_lengths_and_settings_are_refused():
    with pytest.raises(ValueError, match="at most 9 layers, got 10"):
        GROWING.encode(ChainGenotype([ChainLayer((3, 3), 24)] * 10, ["layer_1", "layer_7"]))
    for choices in ((0,) * 4, (0,) * 100):  # in the middle of a layer; too long
        with pytest.raises(ValueError, match="expected 63 choices"):
            GROWING.decode(choices)
    for settings, message in (
        ({"num_layers": 0}, "num_layers must be a positive integer, got 0"),
        ({"pool_after": (6,)}, r"pool_after must be numbers of layers from 0 to 5, got \[6\]"),
        ({"pool_after": ("a",)}, "pool_after must be numbers"),
        ({"deepen_every": 0}, "deepen_every must be a positive integer, got 0"),
        ({"deepen_every": 5}, "begin with 6 layers: num_layers must be more, got 6"),
    ):
        with pytest.raises(ValueError, match=message):
            ChainSpace(**settings)


# --- the controller


def from_scratch(policy, space, lists):
    """Log-probabilities of lists of choices, and the chance of each connection, by NumPy from the paper's formulas."""
    weights = {variable.name: variable.numpy().astype(np.float64) for variable in policy.trainable_variables}
    count, units = len(lists), weights["start"].shape[1]

    def sigmoid(x):
        return 1.0 / (1.0 + np.exp(-x))

    def lstm(x, states):
        after = []
        for layer, (cell, hidden) in enumerate(states):
            gates = np.hstack([x, hidden]) @ weights[f"lstm_{layer}"] + weights[f"lstm_{layer}_bias"]
            i, f, o, g = np.split(gates, 4, axis=1)
            cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
            x = sigmoid(o) * np.tanh(cell)
            after.append((cell, x))
        return x, after

    states = [(np.zeros((count, units)), np.zeros((count, units)))] * 2
    x = np.repeat(weights["start"], count, axis=0)
    log_probabilities, chances, anchors, place = [], [], [], 0
    for index in range(space.num_layers):
        for name, _ in space.shape_decisions:
            h, states = lstm(x, states)
            logits = h @ weights[f"{name}_head"][index] + weights[f"{name}_bias"][index]
            scores = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
            chosen = lists[:, place]
            log_probabilities.append(scores[np.arange(count), chosen])
            x = weights[f"{name}_embedding"][index][chosen]
            place += 1
        h, states = lstm(x, states)
        reads = lists[:, place : place + index]
        for earlier in range(index):
            inside = np.tanh(anchors[earlier] @ weights["anchor_previous"] + h @ weights["anchor_current"])
            chance = sigmoid(inside @ weights["anchor_score"])[:, 0]
            chances.append((place + earlier, chance))
            log_probabilities.append(np.log(np.where(reads[:, earlier] == 1, chance, 1.0 - chance)))
        x = sum((reads[:, j, None] * anchors[j] for j in range(index)), np.zeros((count, units)))
        x = x / np.maximum(1, reads.sum(axis=1, keepdims=True))
        anchors.append(h)
        place += index
    return np.stack(log_probabilities, axis=1), chances


def test_sizes_and_first_weights_are_the_papers():
    policy = NASController(SPACE, 0)
    assert policy.get_weights()[0].shape == (70, 140), "35 units, of inputs and state, four gates"
    every = np.concatenate([np.ravel(weight) for weight in policy.get_weights()])
    assert np.abs(every).max() <= 0.08 and abs(every.mean()) < 0.002
    assert every.std() == pytest.approx(0.08 / np.sqrt(3), rel=0.02)
    algorithm = NAS(SPACE, 0)
    assert float(algorithm._optimizer.learning_rate) == pytest.approx(0.0006)


def test_log_probabilities_equal_the_sum_recomputed_from_scratch_and_skips_their_sigmoids():
    policy = NASController(SPACE, 0)
    for weight in policy.trainable_variables:
        weight.assign(8.0 * weight.value)
    lists = policy.sample(np.random.default_rng(0).random((20000, len(SPACE.decisions))))
    expected, chances = from_scratch(policy, SPACE, lists)
    np.testing.assert_allclose(policy.evaluate(lists)[0].numpy(), expected, atol=2e-5)
    assert len(chances) == 6
    for place, chance in chances:
        assert SPACE.decisions[place].name.split("_")[2] == "reads"
        surprise = (lists[:, place] - chance).sum() / np.sqrt((chance * (1.0 - chance)).sum())
        assert abs(surprise) < 4.0
        quarter = chance > np.quantile(chance, 0.75)  # where it is likely it happens more often
        assert lists[quarter, place].mean() == pytest.approx(chance[quarter].mean(), abs=0.03)
    assert np.ptp(np.concatenate([chance for _, chance in chances])) > 0.3, "they depend on what was chosen"


def test_shorter_networks_are_beginnings_of_longer_ones():
    policy, rng = NASController(SPACE, 0), np.random.default_rng(0)
    whole = policy.sample(rng.random((5, len(SPACE.decisions))))
    part = whole.copy()
    part[:, 11:] = -1  # two layers
    (whole_logs, whole_entropies), (logs, entropies) = policy.evaluate(whole), policy.evaluate(part)
    for found, complete in ((logs, whole_logs), (entropies, whole_entropies)):
        np.testing.assert_allclose(found[:, :11], complete[:, :11], rtol=1e-6)
        assert not found[:, 11:].numpy().any()
    with tf.GradientTape() as tape:
        gained = tf.reduce_sum(policy.evaluate_in_graph(tf.constant(part))[0])
    gradients = tape.gradient(gained, [variable.value for variable in policy.trainable_variables])
    assert all(np.isfinite(np.asarray(gradient)).all() for gradient in gradients)
    assert not np.asarray(gradients[[v.name for v in policy.trainable_variables].index("filters_head")])[2:].any()


@pytest.mark.parametrize("seed", mostly_fuzz(range(3), (0,)))
def test_a_planted_network_is_found_in_fewer_trials_than_random_search_needs(seed):
    """`benchmarks/planted.py` has twenty seeds."""
    space = ChainSpace(num_layers=4)
    judged = [i for i, decision in enumerate(space.decisions) if decision.name.split("_")[2] in ("filters", "reads")]
    odds = int(np.prod([float(len(space.decisions[i].choices)) for i in judged]))  # what random search needs on average
    assert odds == 4**4 * 2**6
    algorithm = NAS(space, seed)
    hidden = np.array(space.sample(np.random.default_rng((2**40, seed))))[judged]
    for needed in range(1, 3001):
        choices = algorithm.ask(needed - 1)
        agreement = float((np.array(choices)[judged] == hidden).mean())
        if agreement == 1.0:
            break
        algorithm.tell(choices, agreement**3)
    assert needed < 3000 < odds / 5


# --- searches

RECIPE = Recipe(epochs=1, batch_size=64, learning_rate=0.1, pad=1, flip=False)
TINY = {"space": "nas", "num_layers": 3, "recipe": RECIPE, "train_images": 128, "executor": "inline", "window": 2}
TINY |= {"trials": 6, "random_trials": 2, "children_per_update": 2, "finalists": 1, "final_epochs": 1}


def search(path, **changes):
    return run(SearchConfig(path, **{**TINY, **changes}))


def trials(study):
    return [[(t.trial, t.genotype, t.reward, t.metrics) for t in some] for some in (study.trials, study.random_trials)]


class Killed(BaseException):
    """Ends a search without a chance to write anything."""


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    return search(tmp_path_factory.mktemp("unbroken") / "study")


def test_a_search_layer_by_layer(unbroken):
    study = unbroken
    config = study.config
    assert (config["algorithm"], config["reward"], config["reward_exponent"]) == ("nas", "best_of_last_five", 3)
    assert all(len(t.genotype.layers) == 3 for t in (*study.trials, *study.random_trials)) and study.updates == 2
    for trial in study.trials:
        assert trial.reward == trial.metrics["validation_accuracy"] ** 3
    winner = study.result["card"]
    assert (study.path / winner).is_file() and len(study.result["finalists"]) == 2
    assert ChainGenotype.from_json(study.path / "best_genotype.json") == study.best.genotype
    model = keras.models.load_model(study.path / study.result["model"])
    assert model.count_params() == study.result["parameters"]


def test_the_report_shows_layers_and_how_to_build_them(unbroken, tmp_path):
    page = (unbroken.path / "report.html").read_text(encoding="utf-8")
    for text in (
        "Shares in the layers",
        "Shares in the numbers of filters",
        "layer_2 = conv_",
        "nk.ChainGenotype.from",
        '<div class="picture column"',
    ):
        assert text in page, text
    assert "nk.ChainFromGenotype(\n    genotype=genotype,\n    input_shape=(8, 8, 1),\n    classes=10,\n)" in page
    assert "--space=nas" in page and "--reward_exponent" not in page and "--reward" not in page, (
        "defaults are not shown"
    )
    shown = ChainFromGenotype(unbroken.best.genotype, (8, 8, 1))
    assert shown.count_params() == unbroken.best.metrics["parameters"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [pytest.param({}, marks=pytest.mark.fuzz), {"num_layers": 4, "deepen_every": 2}],
    ids=["fixed depth", "growing"],
)
def test_a_killed_search_goes_on_as_if_nothing_had_happened(changes, tmp_path, monkeypatch, request):
    if changes:  # from two layers, not from six
        row = dataclasses.replace(registry.SPACES["nas"], arguments={"first_layers": 2})
        monkeypatch.setattr("nasnet_keras.search.spaces.SPACES", {"nas": row})
        request.getfixturevalue("without_finals")
    expected = search(tmp_path / "whole", **changes) if changes else request.getfixturevalue("unbroken")
    evaluate, calls = ChildEvaluator.evaluate, []

    def evaluating(self, genotype, seed):
        calls.append(seed)
        if len(calls) == 5:
            raise Killed
        return evaluate(self, genotype, seed)

    with monkeypatch.context() as patch:
        patch.setattr(ChildEvaluator, "evaluate", evaluating)
        with pytest.raises(Killed):
            search(tmp_path / "study", **changes)
    assert len(load_study(tmp_path / "study").trials) == 4
    again = search(tmp_path / "study", **changes)
    assert trials(again) == trials(expected)
    if changes:
        assert [len(t.genotype.layers) for t in again.trials] == [2, 2, 4, 4, 4, 4]
        assert {len(t.genotype.layers) for t in again.random_trials} == {4}, "as deep as the last ones of the search"
        assert "its first ones are not" in (again.path / "report.html").read_text(encoding="utf-8")
    else:
        assert again.result["test_accuracy"] == expected.result["test_accuracy"]


@pytest.mark.parametrize("algorithm", mostly_fuzz(("random", "evolution", "reinforce", "ppo"), ("evolution", "ppo")))
def test_every_algorithm_searches_chains(algorithm, tmp_path, without_finals):
    changes = {"children_per_update": None} if algorithm in ("random", "evolution") else {}
    changes |= {"random_trials": 1}
    study = search(tmp_path / "study", algorithm=algorithm, trials=3, predict_strides=True, pool_after=(1,), **changes)
    assert len(study.trials) == 3 and all(t.genotype.pooled == ("layer_1",) for t in study.trials)
    assert any(layer.strides != (1, 1) for t in study.trials for layer in t.genotype.layers)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"operations": ("conv_3x3",)}, "operations=.* is for spaces other than .*'nas'"),
        ({"filters": 32}, "filters=32 is for spaces other than 'nas'"),
        ({"final_filters": 32}, "final_filters=32 is for spaces other than 'nas'"),
        ({"pool_after": (3,)}, "pool_after must be numbers of layers from 0 to 2"),
        ({"algorithm": "enas"}, "'enas' is for the spaces"),
        ({"evaluator": "supernet"}, "evaluator 'supernet' judges genotypes of nasnet, enas_micro, enas_macro only"),
        ({"space": "nasnet", "algorithm": "nas"}, "'nas' is for the space 'nas' only"),
        ({"space": "nasnet", "predict_strides": True}, "predict_strides=True is for 'nas'; space is 'nasnet'"),
        ({"space": "nasnet", "deepen_every": 5}, "deepen_every=5 is for 'nas'"),
        ({"deepen_every": 5}, "num_layers must be more, got 3"),
    ],
)
def test_bad_combinations_are_one_clear_error_and_make_no_folder(changes, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        search(tmp_path / "study", **changes)
    assert not (tmp_path / "study").exists()


def test_another_depth_is_another_search(unbroken):
    with pytest.raises(StudyError, match="deepen_every"):
        search(unbroken.path, deepen_every=3, num_layers=7)
    config = SearchConfig(str(unbroken.path), **TINY, pool_after=[1])
    assert SearchConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_random_networks_are_built_as_they_are_drawn(generator):
    """Random search draws uniformly: half of all connections are there."""
    space = ChainSpace(num_layers=6)
    drawn = [space.decode(RandomSearch(space, 0).ask(trial)) for trial in range(400)]
    share = np.mean([len(layer.inputs) for genotype in drawn for layer in genotype.layers]) / 2.5
    assert share == pytest.approx(0.5, abs=0.02)
    model = ChainFromGenotype(drawn[0], (8, 8, 1))
    x = generator.normal(size=(2, 8, 8, 1)).astype("float32")
    assert difference(model(x), model.predict(x, verbose=0)) < 1e-6

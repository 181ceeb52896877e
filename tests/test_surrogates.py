"""Surrogates: their rules, and what the models learn."""

import functools
import math

import numpy as np
import pytest

from nasnet_keras.genotypes.cells import Block, Cell, Edge, Genotype
from nasnet_keras.networks.any import size_arguments
from nasnet_keras.networks.cost import genotype_cost
from nasnet_keras.search import registry, spaces
from nasnet_keras.search.spaces.accel_nasbench import AccelNASBenchSpace
from nasnet_keras.search.spaces.base import Decision, Space
from nasnet_keras.search.spaces.limited import LimitedSpace
from nasnet_keras.search.surrogates.acquisition import log_expected_improvement
from nasnet_keras.search.surrogates.base import Prediction, checked_rewards, checked_rows
from nasnet_keras.search.surrogates.features import Features, described
from nasnet_keras.search.surrogates.gaussian_process import GaussianProcess
from nasnet_keras.search.surrogates.prior import CoregionalizedProcess
from nasnet_keras.search.surrogates.trace import live, trace


@pytest.mark.parametrize("rows", [[1.0, 2.0], [[[1.0]]], [[1.0, np.nan]], [[np.inf, 1.0]]])
def test_rows_that_are_none_are_refused(rows):
    with pytest.raises(ValueError, match="rows"):
        checked_rows(rows)


def test_rows_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"shape \(networks, 3\), got the shape \(1, 2\)"):
        checked_rows([[1.0, 2.0]], numbers=3)


@pytest.mark.parametrize("rewards", [[], [1.0], [[1.0, 2.0]], [1.0, np.nan], [1.0, 2.0, 3.0]])
def test_rewards_that_do_not_fit_are_refused(rewards):
    with pytest.raises(ValueError, match="reward"):
        checked_rewards(rewards, networks=2)


def test_no_networks_cannot_be_learnt():
    with pytest.raises(ValueError, match="at least one"):
        checked_rewards([], networks=0)


@functools.cache
def space_of(name):
    return spaces.make(name)


@functools.cache
def features_of(name):
    return Features(space_of(name))


def drawn(name, count, seed=1):
    generator = np.random.default_rng(seed)
    return [space_of(name).sample(generator) for _ in range(count)]


@pytest.mark.parametrize("name", registry.SPACES)
def test_every_space_has_features_of_its_networks(name):
    choices = drawn(name, 12)
    rows = features_of(name).rows(choices)
    groups = {one.partition(".")[0] for one in features_of(name).names}
    assert groups == {"network", "operations", "levels", "places", "pairs", "triples"}
    assert rows.shape == (12, sum(features_of(name).groups)) and np.isfinite(rows).all()
    assert len(np.unique(rows, axis=0)) > 9, "different networks have different rows"
    assert np.array_equal(Features(space_of(name)).rows(choices[:2]), rows[:2]), "and always the same ones"


@pytest.mark.parametrize("name", registry.SPACES)
def test_a_trace_has_the_costs_of_the_network(name):
    """All but those of the classifier, and of what leads nowhere."""
    space = space_of(name)
    for choices in drawn(name, 3, seed=2):
        genotype = space.architecture(space.decode(choices))
        sizes = {"num_repeats": 1} if "num_repeats" in size_arguments(genotype) else {}
        whole = genotype_cost(genotype, **sizes, **space.network)
        nodes = live(trace(genotype, **space.network))
        counted = sum(node.multiply_adds for node in nodes)
        assert 0 < counted < whole.multiply_adds
        if name != "nasbench201":  # whose networks hold operations that lead nowhere
            assert counted > 0.95 * whole.multiply_adds
            assert 0 < sum(node.parameters for node in nodes) < whole.trainable_parameters


def test_equal_cells_have_equal_features():
    """Blocks in another order, sides swapped, and a block that leads nowhere."""

    def features(cell):
        return described(trace(Genotype(cell, cell)))

    conv, pool = Edge("sep_conv_3x3", "current"), Edge("max_pool_3x3", "previous")
    last = Block(Edge("identity", "block_0"), Edge("sep_conv_5x5", "block_1"), "concat")
    one = Cell([Block(conv, pool), Block(pool, pool), last], ["block_2"])
    turned = Block(Edge("sep_conv_5x5", "block_0"), Edge("identity", "block_2"), "concat")
    dead = Block(conv, conv)
    other = Cell([Block(pool, pool), dead, Block(pool, conv), turned], ["block_3"])
    assert features(one) == features(other)
    assert features(one) != features(Cell([*one.blocks[:2], Block(*last.edges)], ["block_2"]))


def test_features_of_what_no_image_reaches():
    space = space_of("nasbench201")
    assert trace(space.architecture(space.decode((0,) * 6))) is None and described(None) == {}
    assert np.isfinite(features_of("nasbench201").rows([(0,) * 6])).all()


def test_paths_are_counted():
    chain = Cell([Block(Edge("conv_3x3", "current"), Edge("conv_3x3", "current"))], ["block_0"])
    found = {name: round(math.expm1(value)) for name, value in described(trace(Genotype(chain, chain))).items()}
    # Three stacks of a cell and two reductions; each cell doubles the paths, and is two operations long.
    assert found["network.paths"] == 2**5
    assert found["network.longest"] == found["network.shortest"] == found["network.mean"] == 1 + 2 * 5
    assert found["operations.number.conv_3x3"] == 1 + 2 * 5
    assert found["places.0.3.conv_3x3"] == 2, "after the convolutions of the stem and of the cell's input"
    assert found["pairs.conv_1x1.conv_3x3"] == 2 * 5 and found["triples.conv_3x3.conv_1x1.conv_3x3"] == 2 * 5


def test_networks_of_nasbench_macro_have_the_costs_of_its_table():
    space = space_of("nasbench_macro")
    for name, parameters, multiply_adds in (("00000000", 387882, 7713280), ("00000001", 791594, 14115328)):
        cost = genotype_cost(space.architecture(name), (32, 32, 3), **space.network)
        assert (cost.trainable_parameters, cost.multiply_adds) == (parameters, multiply_adds)
    rows = features_of("nasbench_macro").rows(map(space.encode, ("11022222", "11202222", "11220222")))
    assert np.array_equal(rows[1], rows[2]) and not np.array_equal(rows[0], rows[1])


class Strings(Space):
    """A space of strings that the package cannot build, and that cannot be hashed."""

    decisions = tuple(Decision(f"decision_{number}", ("a", "b", "c")) for number in range(4))
    __hash__ = None

    def decode(self, choices):
        return "".join(self.pick(choices))

    def encode(self, genotype):
        return self.find(list(genotype))


def test_choices_are_the_features_of_what_is_not_known():
    features = Features(Strings())
    rows = features.rows([(0, 0, 0, 0), (0, 0, 0, 1), (1, 1, 1, 1), (2, 2, 2, 2)])
    assert features.groups == (12,) and features.names[0] == "choices.decision_0.a"
    apart = ((rows[0] - rows) ** 2).sum(axis=1)
    assert 0 == apart[0] < apart[1] < apart[2] and apart[2] == pytest.approx(apart[3], rel=0.1)


def test_a_limited_space_has_the_architectures_of_its_space():
    space = LimitedSpace(AccelNASBenchSpace(), lambda genotype: -1.0)
    assert space.architecture(space.decode((0,) * 28)).depth == 7
    assert dict(LimitedSpace(space_of("nasbench_macro"), lambda genotype: -1.0).network) == {"stem_stride": 1}


def taught(rewards, seed=0, count=40):
    """A process that learnt a function of three groups of features, of which the last has no effect, and new rows."""
    rows = np.random.default_rng(seed).normal(size=(count + 200, 6))
    process = GaussianProcess(groups=(1, 2, 3)).fit(rows[:count], rewards(rows[:count]))
    return process, rows[count:]


def smooth(rows):
    return np.sin(2 * rows[:, 0]) + rows[:, 1]


def test_a_process_learns_which_groups_matter_and_how_sure_it_is():
    process, rows = taught(smooth, count=120)
    mean, deviation = process.predict(rows)
    errors = np.abs(mean - smooth(rows))
    assert np.sqrt(np.mean(errors**2)) < 0.45 * smooth(rows).std()
    assert np.mean(errors < 2 * deviation) > 0.85
    assert process.hyperparameters[2] > process.hyperparameters[0] + 1, "the group without effect is flat"
    assert process.predict(rows + 20).deviation.min() > deviation.max()


def test_a_process_follows_a_trend_to_where_nothing_is_known():
    process, rows = taught(lambda rows: rows[:, 0])
    far = process.predict(rows[:1] + np.array([8.0, 0, 0, 0, 0, 0]))
    assert far.mean[0] > process.predict(rows).mean.max()


def test_a_process_learns_the_noise():
    def noisy(rows):
        return np.random.default_rng(1).normal(size=len(rows))

    process, rows = taught(noisy, count=100)
    assert np.abs(process.predict(rows).mean).max() < 1.0 and process.hyperparameters[-2] > math.log(0.3)


def test_a_process_works_in_any_unit():
    (one, rows), (other, _) = taught(smooth), taught(lambda rows: 70 + 1e-3 * smooth(rows))
    for first, second, offset in zip(one.predict(rows), other.predict(rows), (70, 0), strict=True):
        assert second == pytest.approx(offset + 1e-3 * first, abs=1e-9)


@pytest.mark.parametrize("rewards", [[1.0], [2.0, 2.0], [1.0, 1.0, 5.0]])
def test_a_process_learns_from_few_networks(rewards):
    rows = np.arange(2 * len(rewards), dtype=float).reshape(-1, 2) // 4
    mean, deviation = GaussianProcess(groups=(2,)).fit(rows, rewards).predict(np.array([[0.0, 0.0], [50.0, 0.0]]))
    assert np.isfinite(mean).all() and 0 <= deviation[0] < deviation[1]


def test_gains_are_over_the_best_network_and_what_is_unknown_of_both_does_not_matter():
    process, rows = taught(lambda rows: smooth(rows) + 0.5 * np.random.default_rng(1).normal(size=len(rows)))
    known = np.random.default_rng(0).normal(size=(240, 6))[:40]
    best = known[[np.argmax(process.predict(known).mean)]]
    for near, least in ((0, 0.0), (0.01, 0.0), (30, 1.0)):
        assert least <= process.gains(best + near).deviation[0] <= least + 1e-5 + 2 * near
    assert process.predict(best).deviation[0] > 0.1 and process.gains(best).mean[0] == pytest.approx(0, abs=1e-9)
    (mean, deviation), gains, (least, own) = process.predict(rows), process.gains(rows), process.predict(best)
    assert gains.mean == pytest.approx(mean - least)
    assert (gains.deviation <= deviation + own).all() and (gains.deviation >= np.abs(deviation - own)).all()


def test_many_networks_are_learnt_with_the_hyperparameters_of_some():
    process, rows = taught(smooth, count=700)
    assert np.abs(process.predict(rows).mean - smooth(rows)).mean() < 0.15


def test_a_process_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="at least one column"):
        GaussianProcess(groups=(2, 0))
    with pytest.raises(ValueError, match="must be fitted"):
        GaussianProcess(groups=(2,)).predict([[1.0, 2.0]])
    with pytest.raises(ValueError, match="must be fitted"):
        GaussianProcess(groups=(2,)).gains([[1.0, 2.0]])
    with pytest.raises(ValueError, match=r"\(networks, 2\)"):
        GaussianProcess(groups=(2,)).fit([[1.0]], [1.0])


def test_the_expected_improvement_is_that_of_many_draws():
    draws = np.random.default_rng(0).normal(size=200_000)
    for mean, deviation in ((0.3, 0.5), (-1.0, 1.0), (2.0, 0.1), (-2.0, 1.0)):
        drawn = np.maximum(mean + deviation * draws - 0.5, 0).mean()
        found = log_expected_improvement(Prediction(np.array([mean]), np.array([deviation])), 0.5)
        assert np.exp(found[0]) == pytest.approx(drawn, rel=0.05)


def test_the_improvement_rises_with_the_mean_however_far_it_is():
    mean = np.linspace(-60, 5, 2000)
    found = log_expected_improvement(Prediction(mean, np.ones(2000)), 0.0)
    assert np.isfinite(found).all() and (np.diff(found) > 0).all()
    assert np.isfinite(log_expected_improvement(Prediction(mean, np.zeros(2000)), 0.0)).all()


def test_children_under_way_are_as_certain_as_if_they_had_been_told():
    random = np.random.default_rng(6)
    rows, rewards, others = random.normal(size=(20, 4)), random.normal(size=20), random.normal(size=(9, 4))
    process, more = GaussianProcess((2, 2)).fit(rows, rewards), others[[0, 1, 1]]  # one of them twice
    told = GaussianProcess((2, 2))
    told.hyperparameters = process.hyperparameters
    told.condition(np.vstack([rows, more]), np.append(rewards, [0.0] * 3))
    found = (
        process.expecting(more[:1]).expecting(more[1:]).predict(others).deviation / process.predict(rows).deviation[0]
    )
    expected = told.predict(others).deviation / told.predict(rows).deviation[0]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_what_is_expected_of_children_under_way_is_no_evidence():
    random = np.random.default_rng(5)
    rows, rewards, others = random.normal(size=(20, 4)), random.normal(size=20), random.normal(size=(9, 4))
    prior = random.normal(size=(40, 4))
    for process in (GaussianProcess((2, 2)), CoregionalizedProcess((2, 2), prior, prior.sum(axis=1))):
        before = process.fit(rows, rewards).predict(others)
        belief = getattr(process, "correlation", None), getattr(process, "unrelated", None)
        after = process.expecting(others[:3]).predict(others)
        np.testing.assert_allclose(after.mean, before.mean, atol=1e-9)
        assert (getattr(process, "correlation", None), getattr(process, "unrelated", None)) == belief
        assert (after.deviation <= before.deviation + 1e-9).all() and (after.deviation < before.deviation)[:3].all()
        assert process.gains(others).mean.shape == (9,)

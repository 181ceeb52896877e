"""PNAS' ensembles of an MLP and an LSTM: tokens, gradients, what they learn, and their rules."""

import numpy as np
import pytest
from helpers import mostly_fuzz

from nasnet_keras.search.spaces.growth import Growth
from nasnet_keras.search.spaces.nas import ChainSpace
from nasnet_keras.search.spaces.nasnet import CellSpace
from nasnet_keras.search.spaces.pnas import PNASSpace
from nasnet_keras.search.surrogates.ensemble import MEMBERS
from nasnet_keras.search.surrogates.lstm import LSTMEnsemble
from nasnet_keras.search.surrogates.mlp import MLPEnsemble
from nasnet_keras.search.surrogates.tokens import Tokens

TOKENS = Tokens.of(PNASSpace().decisions, PNASSpace().growth)
TWO = Tokens((0, 0, 1, 1, 2, 2, 3, 3), (3, 8, 3, 8), blocks=2, cells=2)
every_ensemble = pytest.mark.parametrize("ensemble", [MLPEnsemble, LSTMEnsemble])


def cells(count, blocks, seed=0, length=20):
    """Random cells of PNAS' space, as rows of its choices."""
    generator, space = np.random.default_rng(seed), PNASSpace()
    rows = np.full((count, length), -1)
    for row in rows:
        row[: 4 * blocks] = space.sample(generator)[: 4 * blocks]
    return rows


def quality(rows):
    """A reward that operations and inputs explain."""
    worth = np.array([0.3, 0.9, 0.7, 0.4, -0.5, -0.8, 0.1, 0.2])
    blocks = rows.reshape(len(rows), -1, 4)
    each = worth[blocks[:, :, 2]] + worth[blocks[:, :, 3]] - 0.3 * (blocks[:, :, 0] == blocks[:, :, 1])
    present = blocks[:, :, 0] >= 0
    return (each * present).sum(axis=1) / present.sum(axis=1)


def correlation(one, other):
    return np.corrcoef(*(np.argsort(np.argsort(values)) for values in (one, other)))[0, 1]


def test_tokens_of_pnas():
    assert Tokens((0, 0, 1, 1), (6, 8), 5) == TOKENS
    rows = cells(3, 2)
    read = TOKENS.read(rows)
    assert read.shape == (3, 5, 4) and (read.reshape(3, 20) == rows).all()
    assert TOKENS.read(rows[:, :8]).shape == (3, 2, 4)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[0, 1, 2]], "4 choices a block, and at most 5 blocks, got 3"),
        (np.zeros((1, 24)), "at most 5 blocks, got 24"),
        (np.zeros((1, 0)), "at most 5 blocks, got 0"),
        ([[0, 1, 2, 8]], "a choice that its decision has not"),
        ([[6, 1, 2, 7]], "a choice that its decision has not"),
        ([[0.5, 1, 2, 7]], "must be choices"),
        ([[-1, -1, -1, -1]], "must be choices"),
        ([[-1, -1, -1, -1, 0, 0, 0, 0]], "-1 after their last block"),
        ([[0, -1, 2, 3]], "a choice that its decision has not"),
    ],
)
def test_rows_that_are_no_choices_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        TOKENS.read(np.array(rows))


def test_decisions_that_are_no_equal_blocks_are_refused():
    for decisions, growth in (
        (ChainSpace(num_layers=3).decisions, Growth(1, 3, 4)),
        (PNASSpace().decisions, Growth(1, 3, 4)),
        (PNASSpace().decisions, Growth(1, 4, 5)),
        (PNASSpace().decisions, Growth(2, 5, 4)),
    ):
        with pytest.raises(ValueError, match=f"not those of {growth.cells} × {growth.blocks} equal blocks"):
            Tokens.of(decisions, growth)


def test_tokens_of_two_cells_are_read_block_by_block():
    space = CellSpace(num_blocks=2)
    tokens = Tokens.of(space.decisions, space.growth)
    assert tokens == Tokens((0, 0, 1, 1, 2, 3, 3, 4, 4, 5), (3, 13, 2) * 2, blocks=2, cells=2)
    row = np.array([[0, 1, 2, 3, 0, 2, 1, 4, 5, 1, 1, 0, 6, 7, 0, *[-1] * 5]])  # two normal blocks and one of reduction
    assert tokens.read(row)[0].tolist() == [[0, 1, 2, 3, 0, 1, 0, 6, 7, 0], [2, 1, 4, 5, 1, *[-1] * 5]]
    assert tokens.counted(row)[0].tolist()[:5] == [1, 2, 1, 0, 0]
    with pytest.raises(ValueError, match="-1 after their last block"):
        tokens.read(np.array([[0, 1, 2, 3, 0, *[-1] * 5, 1, 0, 6, 7, 0, 1, 0, 6, 7, 0]]))
    with pytest.raises(ValueError, match="-1 after their last block"):
        tokens.read(np.array([[0, 1, 2, 3, 0, *[-1] * 15]]))


@pytest.mark.parametrize("ensemble", mostly_fuzz([MLPEnsemble, LSTMEnsemble], [MLPEnsemble]))
def test_two_cells_are_told_apart(ensemble):
    """Rewards that the operations of the second cell explain, in rows with as many blocks or fewer in that cell."""
    generator = np.random.default_rng(0)
    rows = generator.integers(0, [2, 2, 8, 8, 3, 3, 8, 8] * 2, (150, 16))
    rows[::2, 12:] = -1
    second = rows[:, 8:].reshape(-1, 2, 4)[:, :, 2:]
    rewards = np.where(second >= 0, second, 0).sum(axis=(1, 2)) / (second >= 0).sum(axis=(1, 2))
    surrogate = ensemble(TWO, seed=0).fit(rows[:100], rewards[:100])
    assert correlation(surrogate.predict(rows[100:]).mean, rewards[100:]) > 0.7
    other_way = np.roll(rows[101::2], 8, axis=1)  # the cells have changed places
    assert abs(correlation(surrogate.predict(other_way).mean, rewards[101::2])) < 0.5


@every_ensemble
def test_gradients_are_those_of_the_outputs(ensemble):
    """In float64, along a random direction of each weight, in rows of several lengths and with equal beginnings."""
    generator = np.random.default_rng(0)
    one = ensemble(TOKENS, seed=0)
    rows = np.concatenate([cells(3, 2), cells(3, 4), cells(1, 1), cells(2, 4)])
    inputs = one.inputs(TOKENS.read(rows))
    inputs = inputs.astype(np.float64) if isinstance(inputs, np.ndarray) else inputs
    tables = {f"table_{i}": generator.normal(size=(MEMBERS, size, 100)) for i, size in enumerate(TOKENS.sizes)}
    weights = tables | one.layers(generator) | {"bias": np.zeros((MEMBERS, 1))}
    outputs, kept = one.outputs(weights, inputs)
    errors = generator.normal(size=outputs.shape)
    found = one.gradients(weights, kept, errors)
    assert found.keys() == weights.keys()
    for name, weight in weights.items():
        step = 1e-6 * generator.normal(size=weight.shape)
        ahead, back = (one.outputs(weights | {name: weight + sign * step}, inputs)[0] for sign in (1, -1))
        assert np.isclose((found[name] * step).sum(), ((ahead - back) * errors).sum() / 2, rtol=2e-3, atol=1e-9), name


@every_ensemble
def test_it_learns_what_explains_rewards(ensemble):
    rows, others = cells(60, 2), cells(150, 2, seed=1)
    surrogate = ensemble(TOKENS, seed=0, steps=40).fit(rows, quality(rows))
    predicted = surrogate.predict(others)
    assert correlation(predicted.mean, quality(others)) > 0.7
    assert predicted.deviation.shape == (150,) and (predicted.deviation > 0).all()
    assert predicted.deviation.mean() > surrogate.predict(rows).deviation.mean(), "it is surer of what it learnt"


@every_ensemble
def test_predictions_have_the_scale_of_rewards(ensemble):
    rows = cells(12, 2)
    rewards, new = quality(rows), cells(20, 2, seed=1)
    first = ensemble(TOKENS, seed=0, steps=20).fit(rows, rewards).predict(new)
    for scale, shift in ((100.0, 7.0), (1e-6, 0.0)):
        other = ensemble(TOKENS, seed=0, steps=20).fit(rows, scale * rewards + shift).predict(new)
        assert np.allclose(other.mean, scale * first.mean + shift, rtol=1e-3, atol=1e-3 * scale)
        assert np.allclose(other.deviation, scale * first.deviation, rtol=1e-2, atol=1e-3 * scale)


@every_ensemble
def test_fits_repeat_and_forget(ensemble):
    rows, new = cells(12, 2), cells(5, 3, seed=1)
    surrogate = ensemble(TOKENS, seed=3, steps=10)
    first = surrogate.fit(rows, quality(rows)).predict(new)
    np.random.seed(1)
    surrogate.fit(cells(9, 1), np.arange(9.0))
    again = surrogate.fit(rows, quality(rows)).predict(new)
    other = ensemble(TOKENS, seed=4, steps=10).fit(rows, quality(rows)).predict(new)
    assert (first.mean == again.mean).all() and (first.deviation == again.deviation).all()
    assert (first.mean != other.mean).any()


@every_ensemble
def test_few_rows_equal_rewards_and_outliers(ensemble):
    new = cells(7, 3, seed=1)
    equal = ensemble(TOKENS, seed=0, steps=10).fit(cells(6, 1), np.full(6, 0.5)).predict(new)
    assert np.isfinite(equal.mean).all() and np.isfinite(equal.deviation).all()
    assert ensemble(TOKENS, seed=0, steps=10).fit(cells(1, 1), [3.0]).predict(new).mean.shape == (7,)
    assert ensemble(TOKENS, seed=0, steps=1).fit(cells(6, 1), quality(cells(6, 1))).predict(new[:0]).mean.shape == (0,)
    rows = cells(40, 2)
    far = np.append(quality(rows)[1:], -1e6)
    predicted = ensemble(TOKENS, seed=0, steps=40).fit(rows, far).predict(rows[:-1])
    assert correlation(predicted.mean, far[:-1]) > 0.5, "one child that learnt nothing hides the others"


@every_ensemble
def test_predictions_do_not_depend_on_the_rows_beside(ensemble):
    surrogate = ensemble(TOKENS, seed=0, steps=5).fit(cells(10, 2), quality(cells(10, 2)))
    rows = np.concatenate([cells(20, 5), cells(20, 3)])
    alone = [surrogate.predict(row[None]).mean[0] for row in rows]
    assert np.allclose(surrogate.predict(rows).mean, alone, rtol=1e-5)
    assert np.allclose(surrogate.predict(rows[20:, :12]).mean, alone[20:], rtol=1e-5)


@every_ensemble
def test_an_unseen_choice_is_the_mean_of_those_that_were_seen(ensemble):
    rows = np.array([[0, 1, 0, 2], [0, 0, 2, 4], [1, 1, 4, 0]])
    surrogate = ensemble(TOKENS, seed=0, steps=10).fit(rows, [0.1, 0.5, 0.9])
    unseen = [[0, 1, 0, 2, number, 0, 0, 0] for number in (2, 2)] + [[0, 1, 0, 2, 0, 0, 7, 0], [0, 1, 0, 2, 0, 0, 6, 0]]
    same_input, _, one, other = surrogate.predict(unseen).mean
    assert np.isclose(one, other) and not np.isclose(one, same_input)


@every_ensemble
def test_asking_before_anything_was_learnt_is_refused(ensemble):
    with pytest.raises(ValueError, match="nothing was learnt yet"):
        ensemble(TOKENS, seed=0).predict(cells(1, 1))
    with pytest.raises(ValueError, match="a reward for each of 2 networks"):
        ensemble(TOKENS, seed=0).fit(cells(2, 1), [0.1])
    with pytest.raises(ValueError, match="steps must be"):
        ensemble(TOKENS, seed=0, steps=0)

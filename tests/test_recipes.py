"""Recipes as values, and what they do to images."""

import dataclasses
import math

import numpy as np
import pytest

from nasnet_keras.training.augmentation import Augmentation
from nasnet_keras.training.recipes import RECIPES, Recipe

RECIPE = Recipe(epochs=2, batch_size=64, learning_rate=0.1, flip=False, pad=1, average_decay=0.9)


# --- recipes


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_rates_rise_and_fall_within_bounds(recipe):
    rates = [recipe.rate(i / 1000) for i in range(1001)]
    assert all(0.0 <= rate <= recipe.learning_rate for rate in rates)
    assert max(rates) == pytest.approx(recipe.learning_rate, rel=1e-2) and rates[-1] == pytest.approx(0.0, abs=1e-9)
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1]) and rates[top:] == sorted(rates[top:], reverse=True)
    assert top == pytest.approx(1000 * recipe.warmup, abs=2)


def test_the_papers_recipe_is_the_papers():
    paper = RECIPES["paper"]
    assert (paper.epochs, paper.batch_size, paper.learning_rate, paper.schedule) == (600, 32, 0.025, "cosine")
    assert (paper.weight_decay, paper.clip_norm, paper.auxiliary_weight) == (5e-4, 5.0, 0.4)
    assert (paper.drop_path_rate, paper.cutout) == (0.4, 16)


def test_sizes_of_a_recipe():
    recipe = dataclasses.replace(RECIPE, sizes=((0.0, 0.5), (0.5, 1.0)))
    assert [recipe.size(p) for p in (0.0, 0.49, 0.5, 0.99)] == [0.5, 0.5, 1.0, 1.0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs must be a positive integer, got 0"),
        ({"learning_rate": 0.0}, "learning_rate must be positive, got 0.0"),
        ({"learning_rate": math.nan}, "learning_rate must be positive, got nan"),
        ({"learning_rate": "0.1"}, "learning_rate must be positive, got '0.1'"),
        ({"weight_decay": -1.0}, "weight_decay must be 0 or positive"),
        ({"drop_path_rate": 1.0}, r"drop_path_rate must be in \[0, 1\)"),
        ({"warmup": 1.0}, "warmup must be in"),
        ({"schedule": "step"}, "schedule must be one of cosine, one_cycle, got 'step'"),
        ({"schedule": "one_cycle"}, "give a warmup above 0"),
        ({"cutout": -1}, "cutout must be a whole number of pixels from 0, got -1"),
        ({"sizes": ((0.0, 0.5),)}, "sizes must be pairs"),
        ({"sizes": ((0.5, 1.0),)}, "sizes must be pairs"),
        ({"sizes": 3}, "sizes must be pairs"),
        ({"sizes": ((0.0, 0.5), (0.5, 1.0)), "auxiliary_weight": 0.4}, "contradict each other"),
    ],
)
def test_bad_recipes(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(RECIPE, **changes)


# --- augmentation


def test_crops_are_windows_of_the_padded_image(generator):
    images = generator.integers(0, 256, (64, 9, 11, 3), dtype=np.uint8)
    out = Augmentation(pad=2, flip=False)(images, np.ones(64, bool), np.random.default_rng(1))
    seen = set()
    for image, crop in zip(images, out, strict=True):
        padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), constant_values=128)
        places = [(y, x) for y in range(5) for x in range(5) if np.array_equal(padded[y : y + 9, x : x + 11], crop)]
        assert len(places) == 1
        seen.update(places)
    assert len(seen) > 15


def test_flip_and_cutout(generator):
    images = generator.integers(0, 128, (400, 8, 8, 3), dtype=np.uint8)
    mirrored = generator.random(400) < 0.5
    flipped = Augmentation(pad=0, flip=True)(images, mirrored, np.random.default_rng(1))
    np.testing.assert_array_equal(flipped[mirrored], images[mirrored, :, ::-1])
    np.testing.assert_array_equal(flipped[~mirrored], images[~mirrored])
    for side in (3, 4):
        cut = Augmentation(pad=0, flip=False, cutout=side)(images, mirrored, np.random.default_rng(1))
        changed = (cut != images).all(-1)
        assert ((cut == 128).all(-1) == changed).all() and changed.sum((1, 2)).max() == side**2
        assert changed.sum((1, 2)).min() < side**2, "some squares are partly outside"
        assert changed.any(0).all(), "they reach everywhere"
    nothing = Augmentation(pad=0, flip=False)(images, mirrored, np.random.default_rng(1))
    np.testing.assert_array_equal(nothing, images)


def test_augmentation_depends_on_the_generator_alone(generator):
    images = generator.integers(0, 256, (16, 8, 8, 1), dtype=np.uint8)
    augment = Augmentation(pad=2, cutout=2)
    first, again, other = (augment(images, np.arange(16) < 8, np.random.default_rng([7, i])) for i in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)

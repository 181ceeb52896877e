"""Recipes as values, and what they do to images."""

import dataclasses
import json
import math

import numpy as np
import pytest
from fuzz import VALUES, rounds

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


@rounds(300, 30_000)
def test_a_recipe_of_anything(seeds):
    """What a file says is a recipe of JSON values, or a ValueError that quotes little."""
    generator, names = np.random.default_rng(seeds[0]), [field.name for field in dataclasses.fields(Recipe)]
    strange = (np.int64(3), np.float32(0.5), np.bool_(True), b"x", object(), [[0, 10**400]], [[0.0, float("nan")]])
    values = (*VALUES, *strange, [[0, 0.5], [0.5, 1]], {"a": 1})
    made = 0
    for _ in seeds:
        changes = {str(name): values[generator.integers(len(values))] for name in generator.choice(names, 2)}
        try:
            recipe = dataclasses.replace(RECIPES["short"], **changes)
        except ValueError as error:
            assert len(str(error)) < 500
        else:
            made += 1
            plain = json.loads(json.dumps(recipe.to_json()))
            assert Recipe(**Recipe.upgraded(plain)) == recipe and recipe.rate(0.5) >= 0 < recipe.size(0.5)
    assert 0 < made < len(seeds)
    for plain in VALUES:
        assert isinstance(plain, dict) or Recipe.upgraded(plain) is plain


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
        ({"sam_radius": -0.5}, "sam_radius must be 0 or positive"),
        ({"drop_path_rate": 1.0}, r"drop_path_rate must be in \[0, 1\)"),
        ({"warmup": 1.0}, "warmup must be in"),
        ({"schedule": "step"}, "schedule must be one of cosine, one_cycle, got 'step'"),
        ({"schedule": "one_cycle"}, "give a warmup above 0"),
        ({"cutout": -1}, "cutout must be a whole number of pixels from 0, got -1"),
        ({"cutmix": 1.5}, r"cutmix must be in \[0, 1\], got 1.5"),
        ({"cutmix": math.nan}, "cutmix must be in"),
        ({"cutmix": True}, "cutmix must be in"),
        ({"cutmix": "0.5"}, "cutmix must be in"),
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


def augmented(augmentation, images, mirrored, seed=1):
    """The images only, where no label changes."""
    labels = np.arange(len(images))
    out, targets = augmentation(images, labels, mirrored, np.random.default_rng(seed))
    np.testing.assert_array_equal(targets, labels)
    assert out.dtype == np.uint8 and out.shape == images.shape
    return out


def test_crops_are_windows_of_the_padded_image(generator):
    images = generator.integers(0, 256, (64, 9, 11, 3), dtype=np.uint8)
    out = augmented(Augmentation(pad=2, flip=False), images, np.ones(64, bool))
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
    flipped = augmented(Augmentation(pad=0, flip=True), images, mirrored)
    np.testing.assert_array_equal(flipped[mirrored], images[mirrored, :, ::-1])
    np.testing.assert_array_equal(flipped[~mirrored], images[~mirrored])
    for side in (3, 4):
        cut = augmented(Augmentation(pad=0, flip=False, cutout=side), images, mirrored)
        changed = (cut != images).all(-1)
        assert ((cut == 128).all(-1) == changed).all() and changed.sum((1, 2)).max() == side**2
        assert changed.sum((1, 2)).min() < side**2, "some squares are partly outside"
        assert changed.any(0).all(), "they reach everywhere"
    nothing = augmented(Augmentation(pad=0, flip=False), images, mirrored)
    np.testing.assert_array_equal(nothing, images)


def test_augmentation_depends_on_the_generator_alone(generator):
    images = generator.integers(0, 256, (16, 8, 8, 1), dtype=np.uint8)
    augment = Augmentation(pad=2, cutout=2)
    first, again, other = (augmented(augment, images, np.arange(16) < 8, [7, i]) for i in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_cutmix_gives_labels_by_area():
    count, size = 200, (9, 11)
    images = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, *size, 3))
    targets = np.eye(count, dtype=np.float32)
    augment = Augmentation(pad=0, flip=False, cutmix=0.5)
    mixed, shares = augment(images, targets, np.zeros(count, bool), np.random.default_rng(1))
    assert mixed.dtype == np.uint8 and shares.dtype == np.float32
    areas = []
    for index, (image, share) in enumerate(zip(mixed, shares, strict=True)):
        other = (index + 1) % count
        pasted = (image == other).all(-1)
        assert (pasted | (image == index).all(-1)).all(), "every pixel is of one of the two images"
        rows, columns = pasted.any(1), pasted.any(0)
        np.testing.assert_array_equal(pasted, rows[:, None] & columns, "it is a rectangle")
        assert share[other] == pytest.approx(pasted.mean()) and share[index] == pytest.approx(1 - pasted.mean())
        assert share.sum() == pytest.approx(1.0)
        areas.append(pasted.mean())
    assert 70 < np.count_nonzero(areas) < 130, "about half of the images"
    assert max(areas) > 0.7 and min(a for a in areas if a) < 0.1


def test_an_image_has_another_in_it_or_a_grey_square(generator):
    images = generator.integers(0, 128, (200, 8, 8, 3), dtype=np.uint8)
    targets = np.eye(200, dtype=np.float32)
    augment = Augmentation(pad=0, flip=False, cutout=4, cutmix=0.5)
    out, shares = augment(images, targets, np.zeros(200, bool), np.random.default_rng(1))
    grey = (out == 128).all(-1).any((1, 2))
    mixed = shares.max(1) < 1
    assert not (grey & mixed).any() and grey.sum() > 50 and mixed.sum() > 50
    # switching one on leaves the other's places as they were
    alone, _ = Augmentation(pad=0, flip=False, cutout=4)(images, targets, np.zeros(200, bool), np.random.default_rng(1))
    np.testing.assert_array_equal(out[grey], alone[grey])

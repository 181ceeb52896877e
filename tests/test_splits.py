"""The rule by which images are put aside: every class is trained on, and the same images every time."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasnet_keras.training.datasets import splits
from nasnet_keras.training.datasets.base import Dataset, Split

SIZES = st.lists(st.integers(1, 30), min_size=2, max_size=12)
SHARES = st.floats(0.01, 0.9)


def labels_of(sizes, seed=0):
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes)).astype(np.int32)


@settings(max_examples=200, deadline=None)
@given(SIZES, SHARES, SHARES, st.integers(0, 3))
def test_every_class_is_trained_and_judged_by_as_far_as_there_are_enough(sizes, of_test, of_validation, seed):
    labels, classes = labels_of(sizes, seed), len(sizes)
    parts = splits.divided(labels, classes, {"test": of_test, "validation": of_validation})
    assert np.array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(len(labels))), "each image once"
    again = splits.divided(labels.copy(), classes, {"test": of_test, "validation": of_validation})
    counts = {name: np.bincount(labels[places], minlength=classes) for name, places in parts.items()}
    for name, places in parts.items():
        assert np.array_equal(places, again[name]) and np.all(np.diff(places) > 0)
    for label, size in enumerate(sizes):
        assert counts["train"][label] >= 1
        judged = counts["validation"][label], counts["test"][label]
        assert (min(judged) >= 1) if size >= 3 else (sum(judged) == size - 1)
        if size * min(of_test, of_validation, 1 - of_test, 1 - of_validation) >= 3:
            assert abs(counts["test"][label] - size * of_test) <= 0.5
            assert abs(counts["validation"][label] - size * (1 - of_test) * of_validation) <= 1
    pairs = [label for label, size in enumerate(sizes) if size == 2]
    given_to_test = sum(counts["test"][label] for label in pairs)
    assert given_to_test == len(pairs) // 2, "classes of two images are shared between the two"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(2, 30), min_size=2, max_size=12), SHARES)
def test_one_cut_is_what_fine_tuning_always_made(sizes, share):
    """As of its first version, so that runs of then go on."""
    labels, generator = labels_of(sizes), np.random.default_rng(0)
    taken = np.zeros(len(labels), bool)
    for label in range(len(sizes)):
        of_class = np.flatnonzero(labels == label)
        count = min(len(of_class) - 1, max(1, round(len(of_class) * share)))
        taken[generator.permutation(of_class)[:count]] = True
    parts = splits.divided(labels, len(sizes), {"validation": share})
    assert np.array_equal(parts["validation"], np.flatnonzero(taken))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_the_random_rule_is_that_of_the_first_jobs(share):
    labels = labels_of([20, 3, 1])
    left = np.arange(24)
    expected = {}
    for name in ("test", "validation"):
        taken = np.zeros(len(left), bool)
        taken[np.random.default_rng(0).permutation(len(left))[: round(len(left) * share)]] = True
        expected[name], left = left[taken], left[~taken]
    parts = splits.divided(labels, 3, {"test": share, "validation": share}, "random")
    for name, places in {**expected, "train": left}.items():
        assert np.array_equal(parts[name], places)


def test_sizes_are_the_shares_of_even_classes():
    labels = labels_of([1000] * 10)
    parts = splits.divided(labels, 10, {"test": 0.1, "validation": 0.1})
    assert {name: len(places) for name, places in parts.items()} == {"train": 8100, "test": 1000, "validation": 900}
    assert len(splits.divided(labels, 10, {"validation": 0.0})["validation"]) == 0


@settings(max_examples=200, deadline=None)
@given(SIZES, st.data())
def test_a_part_has_of_each_class_its_share(sizes, data):
    labels, classes, whole = labels_of(sizes), len(sizes), sum(sizes)
    count = data.draw(st.integers(1, whole))
    places = splits.part(labels, classes, count)
    assert len(places) == len(set(places.tolist())) == count and np.all(np.diff(places) > 0)
    assert np.array_equal(places, splits.part(labels, classes, count))
    found = np.bincount(labels[places], minlength=classes)
    assert np.all(found <= sizes)
    assert np.all(found >= 1) if count >= classes else np.all(found <= 1)
    if count >= classes:
        ideal = 1 + (np.array(sizes) - 1) * (count - classes) / max(1, whole - classes)
        assert np.all(abs(found - ideal) < 1)
    old = np.sort(np.random.default_rng(0).permutation(whole)[:count])
    assert np.array_equal(splits.part(labels, classes, count, "random"), old)


def test_the_rule_of_a_folder(tmp_path):
    file = tmp_path / "training.json"
    assert splits.begun_by(tmp_path, "training.json") is None and splits.begun_by("nowhere", "training.json") is None
    for text, rule in (
        ('{"config": {"seed": 0}}', "random"),
        ('{"config": {"split": "random"}}', "random"),
        ('{"config": {"split": "stratified"}}', "stratified"),
        ('{"config": {"split": ["random"]}}', None),
        ('{"config": 3}', None),
        ("[" * 100_000, None),
        ("no", None),
    ):
        file.write_text(text)
        assert splits.begun_by(tmp_path, "training.json") == rule, text[:40]


def test_a_data_set_has_a_rule_that_there_is():
    split = Split(np.zeros((4, 2, 2, 1), np.uint8), np.arange(4) % 2)
    data = Dataset("own", split, split, split, ("a", "b"))
    for wrong in (lambda: data.split_by("even"), lambda: dataclasses.replace(data, split=["random"])):
        with pytest.raises(ValueError, match="split must be one of stratified, random, got"):
            wrong()

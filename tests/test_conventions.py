"""Genotypes as other projects write them, and the family that they come from."""

import dataclasses
import json
import time
from collections import namedtuple

import numpy as np
import pytest
from fuzz import damaged_bytes, damaged_json, rounds

from nasnet_keras import Genotype, GenotypeError, genotype_cost, genotypes
from nasnet_keras.genotypes.conventions import (
    from_darts,
    from_enas,
    from_enas_macro,
    from_mnasnet,
    from_timm,
    to_darts,
    to_mnasnet,
    to_timm,
)
from nasnet_keras.genotypes.reading import genotype_from_json, resolve_genotype
from nasnet_keras.genotypes.skeleton import DARTS, NASNET, SKELETONS
from nasnet_keras.training import datasets
from nasnet_keras.training.config import TrainingConfig

STATES = range(2, 6)


def darts(normal: str, reduce: str) -> tuple:
    """DARTS' four fields, of `operation state` pairs."""

    def cell(text):
        words = text.split()
        return [(name, int(state)) for name, state in zip(words[::2], words[1::2], strict=True)]

    return cell(normal), STATES, cell(reduce), STATES


P_DARTS = darts(
    "skip_connect 0 dil_conv_3x3 1 skip_connect 0 sep_conv_3x3 1 sep_conv_3x3 1 sep_conv_3x3 3 sep_conv_3x3 0 "
    "dil_conv_5x5 4",
    "avg_pool_3x3 0 sep_conv_5x5 1 sep_conv_3x3 0 dil_conv_5x5 2 max_pool_3x3 0 dil_conv_3x3 1 dil_conv_3x3 1 "
    "dil_conv_5x5 3",
)
PC_DARTS = darts(
    "sep_conv_3x3 1 skip_connect 0 sep_conv_3x3 0 dil_conv_3x3 1 sep_conv_5x5 0 sep_conv_3x3 1 avg_pool_3x3 0 "
    "dil_conv_3x3 1",
    "sep_conv_5x5 1 max_pool_3x3 0 sep_conv_5x5 1 sep_conv_5x5 2 sep_conv_3x3 0 sep_conv_3x3 3 sep_conv_3x3 1 "
    "sep_conv_3x3 2",
)
GDAS = darts(
    "skip_connect 0 skip_connect 1 skip_connect 0 sep_conv_5x5 2 sep_conv_3x3 3 skip_connect 0 sep_conv_5x5 4 "
    "sep_conv_3x3 3",
    "sep_conv_5x5 0 sep_conv_3x3 1 sep_conv_5x5 2 sep_conv_5x5 1 dil_conv_5x5 2 sep_conv_3x3 1 sep_conv_5x5 0 "
    "sep_conv_5x5 1",
)
ENAS_ARCS = ("0 2 0 0 0 4 0 1 0 4 1 1 1 0 0 1 0 2 1 1", "1 0 1 0 0 3 0 2 1 1 3 1 1 0 0 4 0 3 1 1")


def trainable(genotype, auxiliary_head=False, **network):
    given = {"filters": 36, "num_repeats": 6, "auxiliary_head": auxiliary_head, **network}
    return genotype_cost(genotype, (32, 32, 3), **given).trainable_parameters


def test_published_counts_follow_without_a_skeleton_being_named():
    found = from_darts(*P_DARTS)
    assert (trainable(found), trainable(found, True)) == (3_433_798, 3_910_224)  # chenxin061/pdarts#7
    assert f"{trainable(from_darts(*PC_DARTS)) / 1e6:.1f}" == "3.6"  # yuhuixu1993/PC-DARTS#26
    assert f"{trainable(from_darts(*GDAS)) / 1e6:.1f}" == "3.4"  # Dong and Yang 2019, table 2
    enas = from_enas(*ENAS_ARCS)
    assert (trainable(enas, num_repeats=5), trainable(enas, True, num_repeats=5)) == (3_894_372, 3_894_372 + 494_848)


def test_the_family_survives_json_and_an_explicit_skeleton_wins(tmp_path):
    for genotype in (from_darts(*P_DARTS), from_enas(*ENAS_ARCS)):
        path = tmp_path / "genotype.json"
        path.write_text(genotype.to_json())
        for again in (Genotype.from_json(path), genotype_from_json(genotype.to_json()), resolve_genotype(str(path))):
            assert again == genotype and again.skeleton == genotype.skeleton in SKELETONS
            assert trainable(again) == trainable(genotype) != trainable(again, skeleton=NASNET)
        assert f"skeleton: {genotype.skeleton}" in genotype.describe()
    bare = dataclasses.replace(from_darts(*P_DARTS), skeleton=None)
    assert json.loads(bare.to_json())["version"] == 1 and trainable(bare) == trainable(bare, skeleton=NASNET)
    assert trainable(bare, skeleton=DARTS) == trainable(from_darts(*P_DARTS))


def test_cells_are_equal_whatever_family_they_name():
    # Trials, cards and runs of before know genotypes by fingerprints in which no family is.
    named = from_darts(*P_DARTS)
    bare = dataclasses.replace(named, skeleton=None)
    assert named == bare and hash(named) == hash(bare) and named.fingerprint == bare.fingerprint
    stripped = dataclasses.replace(genotypes.DARTS_V2, skeleton=None)  # as files of before have it
    assert genotypes.skeleton_of(stripped) is DARTS and genotypes.name_of(stripped) == "darts_v2"


def test_a_named_model_stacks_unknown_cells_as_its_own_family_does():
    from nasnet_keras import applications

    bare = dataclasses.replace(from_darts(*P_DARTS), skeleton=None)
    small = {"num_repeats": 1, "filters": 4, "input_shape": (16, 16, 3)}
    for genotype in (bare, from_darts(*P_DARTS), bare.to_json()):
        built = applications.DARTSCIFAR10(genotype=genotype, **small)
        assert built.count_params() == genotype_cost(bare, skeleton=DARTS, **small).parameters
    other = applications.DARTSCIFAR10(genotype=genotypes.PNASNET_5, **small)
    assert other.count_params() == genotype_cost("pnasnet_5", **small).parameters


def test_a_run_is_another_one_on_another_skeleton(tmp_path):
    named, data = from_darts(*P_DARTS), datasets.load("digits")
    bare = dataclasses.replace(named, skeleton=None)
    records = [TrainingConfig(tmp_path, genotype).to_json(data) for genotype in (named, bare)]
    assert records[0] == {**records[1], "skeleton": "darts"}
    published = [genotypes.DARTS_V2, dataclasses.replace(genotypes.DARTS_V2, skeleton=None)]
    assert len({json.dumps(TrainingConfig(tmp_path, genotype).to_json(data)) for genotype in published}) == 1


CELL = [("sep_conv_3x3", 1), ("skip_connect", 0), ("sep_conv_5x5", 2), ("max_pool_3x3", 0)]
R = range(2, 4)
PAIRS = [(CELL[0], CELL[1]), (CELL[2], CELL[3])]
Four = namedtuple("Genotype", "normal normal_concat reduce reduce_concat")
Six = namedtuple("Genotype", "normal normal_concat reduce reduce_concat connectN connects")


@pytest.mark.parametrize(
    "fields",
    [
        Four([(name, np.int64(state)) for name, state in CELL], np.arange(2, 4), CELL, R),
        Four(np.array(CELL), (2, 3), np.array(CELL, object), np.array([2, 3])),
        Four(PAIRS, R, tuple(PAIRS), [2, 3]),
        Four([(*pair, 0.13) for pair in CELL], R, [list(pair) for pair in CELL], R),
    ],
)
def test_darts_genotypes_as_python_has_them(fields):
    want = from_darts(CELL, R, CELL, R)
    assert from_darts(*fields) == from_darts(fields) == from_darts(fields._asdict()) == want
    assert from_darts(*Six(*fields, None, None)) == from_darts(Six(*fields, None, None)) == want


@pytest.mark.parametrize(
    "text",
    [
        str(Four(CELL, R, CELL, [2, 3])),
        str(Six(PAIRS, [2, 3], PAIRS, R, None, None)),
        f"03/01 12:00:00 AM genotype = {Four(CELL, R, CELL, R)}\n",
        f"Genotype({CELL}, list(range(2, 4)), {CELL}, range(2, 4))",
        f"genotype = {Four(CELL, R, CELL, R)} (epoch 3)",
        f"OURS = {Four([(name, np.int64(state)) for name, state in CELL], R, CELL, R)}",
        f"{Four([(np.str_(name), state) for name, state in CELL], list(np.arange(2, 4)), CELL, R)}",
        f"{Four(np.array(CELL, object), np.arange(2, 4), [(*pair, np.float32(0.13)) for pair in CELL], R)}",
    ],
)
def test_darts_genotypes_as_they_are_printed(text):
    assert from_darts(text) == from_darts(CELL, R, CELL, R)


def test_darts_fields_as_json_and_as_text_are_genotypes_everywhere(tmp_path):
    plain = to_darts(from_darts(CELL, R, CELL, R))
    path = tmp_path / "genotype.json"
    path.write_text(json.dumps(plain))
    printed = str(Four(CELL, R, CELL, R))
    for given in (path, str(path), json.dumps(plain), printed, f"OURS = {printed}"):
        found = resolve_genotype(given)
        assert found == from_darts(CELL, R, CELL, R) and found.skeleton == "darts"
    with pytest.raises(GenotypeError, match="nasnet_keras.conventions makes genotypes"):
        resolve_genotype(Four(CELL, R, CELL, R))


ARC = [0, 2, 0, 0, 0, 4, 0, 1]


@pytest.mark.parametrize(
    "arc",
    [
        "[0 2 0 0 0 4 0 1]",
        "0, 2, 0, 0, 0, 4, 0, 1",
        "[[0 2 0 0]\n [0 4 0 1]]",
        repr(list(np.array(ARC))),
        repr(np.array(ARC, "int32")),
        repr([np.array(ARC[:4]), np.array(ARC[4:])]),
        ARC,
        tuple(ARC),
        [ARC[:4], ARC[4:]],
        np.array(ARC),
        np.array(ARC).reshape(2, 4),
        list(np.array(ARC, "uint8")),
        np.array(ARC, float),
    ],
)
def test_enas_arcs_as_they_are_printed_and_kept(arc):
    assert from_enas(arc, "1 0 1 4") == from_enas("0 2 0 0 0 4 0 1", "1 0 1 4")


@pytest.mark.parametrize(
    "arc",
    [
        "5 3 1 2 0 1",
        "[5]\n[3 1]\n[2 0 1]",
        "[[5], [3, 1], [2, 0, 1]]",
        "[5 3 1 2 0 1]",
        "[5]\n[3\n 1]\n[2 0 1]",
        repr([np.array([5]), np.array([3, 1]), np.array([2, 0, 1], "uint8")]),
        repr(list(np.array([5, 3, 1, 2, 0, 1]))),
        [5, 3, 1, 2, 0, 1],
        np.array([5, 3, 1, 2, 0, 1]),
        [[5], np.array([3, 1]), (2, 0, 1)],
        ["[5]", "3 1", "2, 0, 1"],
    ],
)
def test_enas_macro_arcs_as_they_are_printed_and_kept(arc):
    assert from_enas_macro(arc) == from_enas_macro("5\n3 1\n2 0 1")


@pytest.mark.parametrize(
    ("convert", "advice"),
    [
        (lambda: from_darts([(4, 0), (5, 1)], [2], CELL, R), "by its name, whose numbers differ"),
        (lambda: from_darts([(["skip_connect"], 0)] * 2, [2], CELL, R), "by its name, such as"),
        (lambda: from_darts(None, R, CELL, R), "lacks normal"),
        (lambda: from_darts(CELL, R, CELL, None), "lacks reduce_concat"),
        (lambda: from_darts(CELL), "have the fields"),
        (lambda: from_darts({"normal": CELL}), "lacks normal_concat"),
        (lambda: from_darts(CELL, R, CELL, R, (1, 1)), "must be None"),
        (lambda: from_darts([(CELL[0], CELL[1], CELL[2])] * 2, R, CELL, R), "two pairs"),
        (lambda: from_darts(CELL, "23", CELL, R), "a sequence of states"),
        (lambda: from_darts([("sep_conv_3x3", 10**5000)] * 2, [2], CELL, R), "a state must be"),
        (lambda: from_darts([("x" * 10**6, 0)] * 2, [2], CELL, R), "has none like it"),
        (lambda: from_darts(range(10**12), [2], CELL, R), "at most 2,000"),
        (lambda: from_darts("Genotype(normal=__import__('os').getcwd())"), "as it is printed"),
        (lambda: from_darts("Genotype(" + "(" * 60000), "as it is printed"),
        (lambda: from_darts(f"{Four(CELL, R, CELL, R)} {Four(CELL, R, CELL, R)}"), "got 2 of them"),
        (lambda: from_darts("Genotype(" * 10**6), "as it is printed"),
        (lambda: from_enas(None, "0 2 0 0"), "whole numbers"),
        (lambda: from_enas([0, 2, 0, 0.5], "0 2 0 0"), "whole numbers"),
        (lambda: from_enas("1 " * 10**6, "0 2 0 0"), "at most 4,000"),
        (lambda: from_enas_macro("[5] 3 1"), "rows in brackets or none"),
        (lambda: from_enas_macro("0 " * 500_000), "row 999"),
        (lambda: from_enas_macro([[0] * length for length in range(1, 1200)]), "at most 1,000 rows"),
        (lambda: to_darts("darts_v2"), "must be a Genotype"),
    ],
)
def test_what_is_not_certain_is_refused_with_advice_and_in_no_time(convert, advice):
    begun = time.monotonic()
    with pytest.raises(GenotypeError, match=".") as caught:
        convert()
    assert advice in str(caught.value) and len(str(caught.value)) < 500
    assert time.monotonic() - begun < 20


@rounds(100, 5000)
def test_damaged_genotypes_of_other_code_give_a_genotype_or_a_genotype_error(seeds):
    plain = to_darts(from_darts(*P_DARTS))
    printed = str(Four(*P_DARTS)).encode()
    arcs = " ".join(ENAS_ARCS).encode()
    blocks = [(from_mnasnet, to_mnasnet(genotypes.MNASNET_A1)), (from_timm, to_timm(genotypes.MNASNET_A1))]
    for seed in seeds:
        attempts = [(genotype_from_json, damaged_json(plain, seed))]
        attempts += [(from_darts, damaged_bytes(printed, seed).decode(errors="replace"))]
        attempts += [(from_enas_macro, damaged_bytes(arcs, seed).decode(errors="replace"))]
        attempts += [
            (convert, damaged_bytes(str(given).encode(), seed).decode(errors="replace")) for convert, given in blocks
        ]
        for convert, given in attempts:
            try:
                convert(given)
            except GenotypeError as error:
                assert len(str(error)) < 1000

"""PNAS' search space: one cell for both strides, block by block."""

import dataclasses

import pytest

from nasnet_keras import Block, Cell, Edge, Genotype
from nasnet_keras.genotypes.catalogue import NASNET_A, PNASNET_5, skeleton_of
from nasnet_keras.networks.cost import genotype_cost
from nasnet_keras.search import SearchConfig
from nasnet_keras.search.algorithms.random import RandomSearch
from nasnet_keras.search.spaces.pnas import PNAS_OPERATIONS, PNASSpace
from nasnet_keras.search.testing import check_algorithm, check_space

SPACE = PNASSpace()
BLOCK = Block(Edge("identity", "current"), Edge("sep_conv_3x3", "previous"))


def test_golden_sizes():
    sizes = [PNASSpace(num_blocks=count).size for count in range(1, 6)]
    levels = [later // before for before, later in zip([1, *sizes], sizes, strict=False)]
    assert levels == [256, 576, 1024, 1600, 2304] and SPACE.size == 556_627_761_561_600, "5.6e14 in section 3.1"
    assert len(PNAS_OPERATIONS) == 8


def test_the_released_cell_and_its_networks_are_of_the_space():
    found = SPACE.decode(SPACE.encode(PNASNET_5))
    assert found == PNASNET_5 and skeleton_of(found) is skeleton_of(PNASNET_5) and found.skeleton == "pnasnet"
    other = SPACE.decode((0,) * 20)  # no cell of the catalogue: the skeleton is in the genotype
    assert skeleton_of(Genotype.from_json(other.to_json())).name == "pnasnet"
    cost = genotype_cost(found, num_repeats=3, filters=48)
    assert cost.trainable_parameters == 3_189_082, "PNASNet-5 on CIFAR-10: 3.2 million"


def test_a_cell_grows_block_by_block(generator):
    choices = SPACE.sample(generator)
    for count in range(1, 6):
        part = choices[: 4 * count]
        genotype = SPACE.decode(part)
        assert genotype.normal is genotype.reduction
        assert genotype.normal.blocks == SPACE.decode(choices).normal.blocks[:count]
        assert genotype.normal.outputs == tuple(f"block_{index}" for index in range(count))
        assert SPACE.encode(genotype) == part and genotype == PNASSpace(num_blocks=count).decode(part)
        mutated = SPACE.mutate(part, generator)
        assert len(mutated) == len(part) and sum(a != b for a, b in zip(mutated, part, strict=True)) == 1
    for length in (0, 3, 21, 24):
        with pytest.raises(ValueError, match=f"expected 20 choices, got {length}"):
            SPACE.decode((0,) * length)


@pytest.mark.parametrize(
    ("genotype", "message"),
    [
        (NASNET_A, "normal and the reduction cell must be the same one"),
        ("pnasnet_5", "expected a Genotype, got 'pnasnet_5'"),
        (Cell([BLOCK] * 6, [f"block_{index}" for index in range(6)]), "at most 5 blocks, got 6"),
        (Cell([BLOCK] * 2, ["block_1", "block_0"]), "all of its blocks, block_0, block_1, got block_1, block_0"),
        (Cell([BLOCK], ["block_0", "current"]), "all of its blocks, block_0, got block_0, current"),
        (Cell([dataclasses.replace(BLOCK, combine="concat")], ["block_0"]), "block_0 must add, got concat"),
        (
            Cell([dataclasses.replace(BLOCK, left=Edge("conv_1x1", "current"))], ["block_0"]),
            "block_0_left_operation must be one of .*, got 'conv_1x1'",
        ),
    ],
)
def test_what_is_not_of_the_space(genotype, message):
    genotype = Genotype(genotype, genotype) if isinstance(genotype, Cell) else genotype
    with pytest.raises(ValueError, match=message):
        SPACE.encode(genotype)


@pytest.mark.parametrize("operations", [(), ("identity", "identity"), ("sep",), (["identity"],)])
def test_bad_arguments(operations):
    with pytest.raises(ValueError, match="operations must be some of"):
        PNASSpace(operations)
    with pytest.raises(ValueError, match="num_blocks must be"):
        PNASSpace(num_blocks=0)


def test_contracts_and_configurations():
    check_space(PNASSpace(("identity", "sep_conv_3x3"), num_blocks=2))
    check_algorithm(RandomSearch, SPACE, trials=10)
    config = SearchConfig("study", space="pnas", num_blocks=2, operations=("identity", "max_pool_3x3"))
    assert config.search_space() == PNASSpace(("identity", "max_pool_3x3"), 2)
    for changes in ({"evaluator": "supernet"}, {"algorithm": "enas"}, {"operations": ("none",)}):
        with pytest.raises(ValueError, match="judges genotypes of|is for the spaces|must be some of"):
            SearchConfig("study", space="pnas", **changes)

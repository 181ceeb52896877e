"""Search spaces: decisions to genotypes and back."""

import numpy as np
import pytest

from nasnet_keras import Block, Cell, Edge, Genotype
from nasnet_keras.genotypes.catalogue import NASNET_A
from nasnet_keras.search import CellSpace
from nasnet_keras.search.spaces import SPACES, make
from nasnet_keras.search.spaces.nas import ChainSpace
from nasnet_keras.search.spaces.nasbench201 import NASBench201Space
from nasnet_keras.search.testing import check_space

SMALL = CellSpace(operations=("identity", "sep_conv_3x3"), num_blocks=2)
ALL = [*map(make, SPACES), SMALL, NASBench201Space(operations=("none", "nor_conv_3x3"))]
ALL.append(ChainSpace(num_layers=3, predict_strides=True, pool_after=(1,)))
GROWING = ChainSpace(num_layers=3, first_layers=1, deepen_every=15)


@pytest.mark.parametrize("space", [*ALL, GROWING], ids=str)
def test_every_space_keeps_the_contract(space):
    check_space(space, samples=200)


@pytest.mark.parametrize("space", ALL, ids=str)
def test_mutations_are_uniform(space, generator):
    choices = space.sample(generator)
    counts = {}
    for _ in range(4000):
        mutated = space.mutate(choices, generator)
        changed = [i for i, pair in enumerate(zip(choices, mutated, strict=True)) if pair[0] != pair[1]]
        counts[changed[0], mutated[changed[0]]] = counts.get((changed[0], mutated[changed[0]]), 0) + 1
    assert len(counts) == sum(len(decision.choices) - 1 for decision in space.decisions), "all neighbours are reached"
    open_decisions = [i for i, decision in enumerate(space.decisions) if len(decision.choices) > 1]
    by_decision = np.zeros(len(open_decisions))
    for (decision, _), count in counts.items():
        by_decision[open_decisions.index(decision)] += count
    expected = 4000 / len(by_decision)
    assert np.sum((by_decision - expected) ** 2 / expected) < len(by_decision) + 5 * np.sqrt(2 * len(by_decision))


def test_space_has_the_papers_size_and_order():
    space = CellSpace()
    cell = np.prod([float((b + 2) ** 2 * 13**2 * 2) for b in range(5)])  # 2.3e18, section 3.1
    assert space.size == pytest.approx(cell**2) and 2.2e18 < cell < 2.4e18
    assert [d.name for d in space.decisions[5:10]] == [
        f"normal_block_1_{name}"
        for name in ("left_input", "right_input", "left_operation", "right_operation", "combine")
    ]


def test_sampled_genotypes_are_uniform_and_output_what_nobody_reads(generator):
    space = CellSpace()
    counts = {decision.name: np.zeros(len(decision.choices)) for decision in space.decisions}
    for _ in range(3000):
        choices = space.sample(generator)
        for decision, choice in zip(space.decisions, choices, strict=True):
            counts[decision.name][choice] += 1
        genotype = space.decode(choices)
        for cell in (genotype.normal, genotype.reduction):
            read = {edge.input for block in cell.blocks for edge in block.edges}
            assert set(cell.outputs) == {f"block_{i}" for i in range(5)} - read
    for count in counts.values():
        expected = count.sum() / len(count)
        assert np.sum((count - expected) ** 2 / expected) < 45  # chi squared with at most 12 degrees of freedom


def test_own_operations_and_bad_arguments():
    space = CellSpace(operations=("identity", "sep_conv_3x3"), num_blocks=2, combines=("add",))
    assert space.size == (4 * 4 * 9 * 4) ** 2
    for arguments in ({"operations": ()}, {"operations": ("sep",)}, {"combines": ("add", "add")}, {"num_blocks": 0}):
        with pytest.raises(ValueError, match="must be"):
            CellSpace(**arguments)
    with pytest.raises(ValueError, match="expected 20 choices, got 3"):
        space.decode((0, 0, 0))
    with pytest.raises(ValueError, match="left_input must be from 0 to 1, got 2"):
        space.decode((2, *([0] * 19)))
    with pytest.raises(ValueError, match="left_input must be from 0 to 1, got 0.5"):
        space.mutate((0.5, *([0] * 19)), np.random.default_rng(0))
    with pytest.raises(ValueError, match="operations must be some of"):
        NASBench201Space(("sep_conv_3x3",))
    with pytest.raises(ValueError, match="nothing can be mutated"):
        NASBench201Space(("none",)).mutate((0,) * 6, np.random.default_rng(0))
    with pytest.raises(ValueError, match=f"space must be one of {', '.join(SPACES)}, got 'darts'"):
        make("darts")


def cell_of(*blocks, outputs):
    return Cell([Block(Edge(a, x), Edge(b, y)) for a, x, b, y in blocks], outputs)


FIRST = ("identity", "current", "sep_conv_3x3", "previous")
READS_FIRST = ("identity", "block_0", "sep_conv_3x3", "previous")
LEGAL = cell_of(FIRST, READS_FIRST, outputs=["block_1"])


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (cell_of(FIRST, FIRST, FIRST, outputs=["block_0"]), "both cells must have 2 blocks, or fewer.* got 2 and 3"),
        (cell_of(FIRST, ("max_pool_3x3", "block_0", *FIRST[2:]), outputs=["block_1"]), "reduction_block_1_left_op"),
        (cell_of(FIRST, READS_FIRST, outputs=["block_0", "block_1"]), "that no block reads, block_1, got block_0"),
        (cell_of(FIRST, FIRST, outputs=["block_1", "block_0"]), "block_0, block_1, got block_1, block_0"),
        (cell_of(FIRST, FIRST, outputs=["block_1"]), "block_0, block_1, got block_1"),
    ],
)
def test_encode_refuses_what_is_not_of_the_space(cell, message):
    assert SMALL.decode(SMALL.encode(Genotype(LEGAL, LEGAL))) == Genotype(LEGAL, LEGAL)
    with pytest.raises(ValueError, match=message):
        SMALL.encode(Genotype(LEGAL, cell))


def test_cells_of_fewer_blocks(generator):
    space = CellSpace()
    whole = space.sample(generator)
    cells = space.decode(whole)
    for count in range(2, 11):
        normal, reduction = (count + 1) // 2, count // 2
        choices = (*whole[: 5 * normal], *whole[25 : 25 + 5 * reduction])
        genotype = space.decode(choices)
        assert space.growth.sizes(len(choices)) == (normal, reduction) and space.encode(genotype) == choices
        assert genotype.normal.blocks == cells.normal.blocks[:normal]
        assert genotype.reduction.blocks == cells.reduction.blocks[:reduction]
        names = [decision.name for decision in space.decisions_of(len(choices))]
        assert names == [one.name for one in (*space.decisions[: 5 * normal], *space.decisions[25:][: 5 * reduction])]
    for length in (0, 5, 11, 49, 55):
        with pytest.raises(ValueError, match=f"expected 50 choices, got {length}"):
            space.decode((0,) * length)
    with pytest.raises(ValueError, match="block_1_left_input must be from 0 to 2, got 3"):
        space.decode((0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0))


@pytest.mark.parametrize(("normal", "reduction"), [(1, 2), (3, 1), (3, 3)])
def test_cells_that_did_not_grow_in_turn_are_refused(normal, reduction):
    cells = (cell_of(*[FIRST] * count, outputs=[f"block_{i}" for i in range(count)]) for count in (normal, reduction))
    with pytest.raises(ValueError, match=f"or the normal cell one more, got {normal} and {reduction}"):
        SMALL.encode(Genotype(*cells))


def test_encode_refuses_the_released_nasnet_a_and_other_types():
    with pytest.raises(ValueError, match="cell must output the blocks that no block reads"):
        CellSpace().encode(NASNET_A)
    with pytest.raises(ValueError, match="combine must be one of add, got 'concat'"):
        CellSpace(combines=("add",)).encode(CellSpace(combines=("concat",)).decode((0,) * 50))
    with pytest.raises(ValueError, match="expected a Genotype"):
        CellSpace().encode("|none~0|")


@pytest.mark.parametrize("text", ["", "|none~0|", "|a~0|+|b~0|c~1|+|d~0|e~1|f~2|", 3, "|none~0|+|none~0|none~1|"])
def test_benchmark_cells_that_are_none(text):
    with pytest.raises(ValueError, match="expected a cell such as|must be one of none, skip_connect"):
        NASBench201Space().encode(text)
    assert len({NASBench201Space().decode(np.unravel_index(i, (5,) * 6)) for i in range(5**6)}) == 15625


def test_networks_of_nasbench_macro_are_known_by_the_places_that_matter():
    space = make("nasbench_macro")
    spelled = {"00000000": "00000000", "01001001": "01010010", "10202012": "10220012", "22212220": "22212220"}
    assert {one: space.network_name(one) for one in spelled} == spelled
    names = {space.network_name(space.decode(np.unravel_index(index, (3,) * 8))) for index in range(3**8)}
    assert len(names) == 3969 == 9 * (3 * 7) ** 2, "of 6,561; the table has as many lines of figures"

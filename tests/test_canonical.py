"""One spelling of each network: what is equal, and that it is."""

import itertools
import re
import time
import zlib
from collections import defaultdict

import numpy as np
import pytest
from helpers import difference, random_cell, random_chain_genotype, random_macro_genotype
from hypothesis import given, settings
from hypothesis import strategies as st

from nasnet_keras import Block, Cell, ChainFromGenotype, Edge, Genotype, NASNetFromGenotype, Stage, StageGenotype
from nasnet_keras.genotypes.catalogue import get, names, skeleton_of
from nasnet_keras.genotypes.cells import block_state
from nasnet_keras.genotypes.chain import ChainGenotype
from nasnet_keras.genotypes.macro import layer_output
from nasnet_keras.genotypes.nasbench201 import NASBENCH201_OPERATIONS, NASBench201Genotype
from nasnet_keras.genotypes.order import canonical_order
from nasnet_keras.genotypes.skeleton import NASNET
from nasnet_keras.networks.cost import genotype_cost
from nasnet_keras.search import CellSpace
from nasnet_keras.search.spaces.mnasnet import MnasNetSpace
from nasnet_keras.search.spaces.nas import ChainSpace
from nasnet_keras.search.spaces.pnas import PNASSpace

SEEDS = st.integers(0, 2**32 - 1)
SIZES = {"num_repeats": 1, "filters": 2}


def block(left, right, combine="add"):
    return Block(Edge(*left.split()), Edge(*right.split()), combine)


def reads_of(cell):
    return [{int(edge.input[6:]) for edge in one.edges if edge.input[:6] == "block_"} for one in cell.blocks]


def orders(reads):
    """All topological orders."""
    for order in itertools.permutations(range(len(reads))):
        if all(order.index(read) < place for place, part in enumerate(order) for read in reads[part]):
            yield order


def drawn_order(reads, generator):
    order = []
    while len(order) < len(reads):
        free = [part for part in range(len(reads)) if part not in order and reads[part] <= {*order}]
        order.append(int(generator.choice(free)))
    return order


def reordered(cell, order, swapped=(), outputs=None):
    """The cell with some of its blocks, in an order, the sides of those swapped, and its outputs in another order."""
    renamed = {block_state(old): block_state(new) for new, old in enumerate(order)}
    blocks = []
    for old in order:
        edges = [Edge(edge.operation, renamed.get(edge.input, edge.input)) for edge in cell.blocks[old].edges]
        blocks.append(Block(*(edges[::-1] if old in swapped else edges), cell.blocks[old].combine))
    return Cell(blocks, [renamed.get(one, one) for one in (outputs or cell.outputs)])


def spelled_anew(cell, generator):
    """Another spelling: a random order, swapped sides, shuffled outputs and, sometimes, dead blocks anywhere."""
    blocks = [*cell.blocks]
    for _ in range(int(generator.integers(3))):
        states = ["current", "previous", *map(block_state, range(len(blocks)))]
        edges = [Edge(str(generator.choice(["identity", "conv_1x1"])), str(generator.choice(states))) for _ in range(2)]
        blocks.append(Block(*edges, str(generator.choice(["add", "concat"]))))
    order = drawn_order(reads_of(Cell(blocks, cell.outputs)), generator)
    swapped = {part for part in order if generator.random() < 0.5}
    outputs = [str(one) for one in generator.permutation(cell.outputs)]
    return reordered(Cell(blocks, cell.outputs), order, swapped, outputs)


def living(cell):
    return [index for index in range(len(cell.blocks)) if block_state(index) in cell.live_states]


def described(cell):
    """What the smallest order is the smallest by, as the docstring says."""
    number = {"current": -2, "previous": -1, **{block_state(index): index for index in range(len(cell.blocks))}}
    found = []
    for index, one in enumerate(cell.blocks):
        sides = sorted((number[edge.input], edge.operation) for edge in one.edges)
        found.append((*sides, one.combine, block_state(index) in cell.outputs))
    return found


@given(SEEDS, st.sampled_from([("identity",), ("identity", "conv_1x1"), ("identity", "conv_1x1", "max_pool_3x3")]))
@settings(max_examples=100, deadline=None)
def test_cells_have_the_smallest_of_all_orders(seed, operations):
    generator = np.random.default_rng(seed)
    cell = random_cell(generator, operations)
    found, kept = cell.canonical(), living(cell)
    if kept:
        whole = reordered(cell, kept)
        assert described(found) == min(described(reordered(whole, order)) for order in orders(reads_of(whole)))
    else:  # a cell has a block at least
        assert len(found.blocks) == 1 and not living(found)
    states = ("previous", "current", *map(block_state, range(len(found.blocks))))
    assert found.outputs == tuple(state for state in states if state in found.outputs)
    assert found.canonical() == found and spelled_anew(cell, generator).canonical() == found


@given(SEEDS)
@settings(max_examples=50, deadline=None)
def test_equal_networks_of_cells_have_equal_costs(seed):
    generator = np.random.default_rng(seed)
    genotype = Genotype(random_cell(generator), random_cell(generator), str(generator.choice(["darts", "enas"])))
    again = Genotype(*(spelled_anew(cell, generator) for cell in (genotype.normal, genotype.reduction)))
    assert again.canonical() == genotype.canonical() and genotype.canonical().skeleton == genotype.skeleton
    sizes = {"num_repeats": 1, "filters": int(generator.integers(1, 9)), "skeleton": skeleton_of(genotype)}
    costs = {str(genotype_cost(one, (16, 16, 3), **sizes)) for one in (genotype, again, genotype.canonical())}
    assert len(costs) == 1


@pytest.mark.parametrize("space", [CellSpace(), CellSpace(unread_inputs=True, combines=("add",)), PNASSpace()], ids=str)
def test_cells_of_a_space_stay_in_it(space, generator):
    for _ in range(30):
        found = space.decode(space.sample(generator)).canonical()
        assert space.decode(space.encode(found)) == found


def test_no_two_different_networks_are_one():
    """All cells of two blocks of two operations, each tried in all its orders and with all sides."""
    edges = [f"{operation} {state}" for operation in ("identity", "conv_1x1") for state in ("current", "block_0")]
    first, second = (itertools.starmap(block, itertools.product(some, repeat=2)) for some in (edges[::2], edges))
    cells = [Cell(blocks, ["block_0", "block_1"]) for blocks in itertools.product(first, second)]
    found = defaultdict(set)
    for cell in cells:
        ways = itertools.product(orders(reads_of(cell)), ((), (0,), (1,), (0, 1)))
        found[frozenset(reordered(cell, *way).blocks for way in ways)].add(cell.canonical())
    assert len(cells) == 64 and all(len(spellings) == 1 for spellings in found.values())
    assert len({one for spellings in found.values() for one in spellings}) == len(found) == 27


@pytest.mark.parametrize(("level", "count"), [*enumerate([136, 300, 528, 820, 1176])])
def test_golden_numbers_of_unordered_blocks_of_pnas(level, count):
    """Each block behind a chain of others (Liu et al. 2018, section 3.1)."""
    space = PNASSpace(num_blocks=level + 1)
    chain = [choice for index in range(level) for choice in (index + 1, index and index + 1, 2, 1)]
    legal = itertools.product(*(range(len(decision.choices)) for decision in space.decisions[-4:]))
    assert len({space.decode((*chain, *last)).normal.canonical() for last in legal}) == count


def test_golden_number_of_pnas_cells_of_two_blocks():
    space = PNASSpace(num_blocks=2)
    first, second = (
        [one for one in itertools.product(*(range(len(each.choices)) for each in part)) if one[0::2] <= one[1::2]]
        for part in (space.decisions[:4], space.decisions[4:])
    )
    blocks = (
        [space.decode(one).normal.blocks[0] for one in first],
        [space.decode((0, 0, 0, 0, *one)).normal.blocks[1] for one in second],
    )
    cells = [Cell(pair, ("block_0", "block_1")) for pair in itertools.product(*blocks)]
    assert len(cells) == 40_800 and len({cell.canonical() for cell in cells}) == 31_620


def graph_cell(vertices, edges):
    """A cell of equal blocks, the vertices of a graph, and of blocks that read two of them, its edges."""
    points = [block("identity current", "identity current")] * vertices
    lines = [block(f"identity block_{one}", f"identity block_{other}") for one, other in edges]
    return Cell([*points, *lines], [block_state(vertices + line) for line in range(len(lines))])


def test_blocks_that_look_alike_are_told_apart_by_all_that_reads_them(generator):
    ring = [(index, (index + 1) % 6) for index in range(6)]
    triangles = [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3)]
    for edges in (ring, triangles):
        moved = generator.permutation(6).tolist()
        shuffled = [(moved[one], moved[other]) for one, other in generator.permutation(edges).tolist()]
        assert graph_cell(6, edges).canonical() == graph_cell(6, shuffled).canonical()
    assert graph_cell(6, ring).canonical() != graph_cell(6, triangles).canonical()


def test_large_cells_of_equal_blocks(generator):
    one = block("identity current", "identity current")
    twins = Cell([one] * 300, [block_state(index) for index in range(300)])
    assert twins.canonical() == twins
    pairs = graph_cell(8, [(index, index) for index in range(8)])  # eight blocks with a reader each: 8! equal orders
    assert pairs.canonical() == spelled_anew(pairs, generator).canonical()


def test_any_parts_can_be_ordered():
    assert canonical_order([], lambda part, places: part) == {}
    assert list(canonical_order([{1}, set()], lambda part, places: part)) == [1, 0], "a part comes after what it reads"
    assert list(canonical_order([set(), set()], lambda part, places: -part)) == [1, 0]


@pytest.mark.parametrize("name", names())
def test_published_cells_keep_their_networks(name):
    genotype = get(name)
    found = genotype.canonical()
    assert skeleton_of(found) is skeleton_of(genotype) and found.canonical() == found
    costs = [genotype_cost(one, num_repeats=1, filters=8) for one in (found, genotype)]
    assert costs[0] == costs[1]


def output_channels(cell, filters, order, swapped):
    """The channels of a reordered cell's output, by the names that its states and sides had before."""
    found = []
    for output in cell.outputs:
        place = int(output[6:]) if output[:6] == "block_" else None
        wide = place is not None and cell.blocks[place].combine == "concat"
        state = output if place is None else block_state(order[place])
        turned = place is not None and order[place] in swapped
        sides = (("right", "left") if turned else ("left", "right")) if wide else ("",)
        found += [(state, side, number) for side in sides for number in range(filters)]
    return found


def filled(genotype, way=None):
    """A network whose weights follow from the names that its layers and channels had before it was reordered in a way.

    Args:
        genotype: two equal cells, whose output is never just as wide as a state.
        way: the cell before, its order and its swapped blocks.
    """
    model = NASNetFromGenotype(genotype, (8, 8, 3), **SIZES, classifier_activation=None)
    cell, (before, order, swapped) = genotype.normal, way or (genotype.normal, range(len(genotype.normal.blocks)), ())
    plan = NASNET.plan(SIZES["num_repeats"], SIZES["filters"])
    plans = {one.name: one for one in plan.cells}

    def named(match):
        old, side = order[int(match[1])], match[2]
        turned = {"left": "right", "right": "left"} if old in swapped else {}
        return f"block_{old}_{turned.get(side, side)}"

    for layer in (one for one in model.layers if one.weights):
        name = re.sub(r"block_(\d+)_([a-z]+)", named, layer.name)
        its = plans.get(re.match(r"(?:cell|reduction)_\d+|", layer.name)[0])
        read = {f"{one.name}_{what}": getattr(one, what) for one in plan.cells for what in ("current", "previous")}
        number = {**read, "logits": plan.last}.get(layer.name)
        inputs = None
        if number:
            filters = plan.cells[number - 1].filters
            ends = output_channels(cell, filters, order, swapped), output_channels(before, filters, range(99), ())
            inputs = [ends[1].index(channel) for channel in ends[0]]
        elif (narrowed := re.fullmatch(r".*block_(\d+)_project", layer.name)) and order[int(narrowed[1])] in swapped:
            inputs = [*range(its.filters, 2 * its.filters), *range(its.filters)]
        generator = np.random.default_rng(zlib.crc32(name.encode()))
        for weight in layer.weights:
            shape = tuple(weight.shape)
            scale = 1.0 / np.sqrt(np.prod(shape[:-1]) or 1)
            value = generator.normal(0.0, scale, shape) if len(shape) > 1 else generator.uniform(0.5, 1.5, shape)
            weight.assign(value[..., inputs, :] if inputs and len(shape) > 1 else value)
    return model


def test_both_spellings_compute_the_same_function(generator):
    cell = Cell(
        [
            block("sep_conv_3x3 current", "identity previous", "concat"),
            block("identity current", "conv_1x1 block_0"),
            block("max_pool_3x3 block_0", "conv_1x1 previous"),
            block("avg_pool_3x3 previous", "conv_1x1 current", "concat"),
        ],
        ["block_3", "block_0", "previous", "block_2"],
    )
    found, kept = cell.canonical(), living(cell)
    assert kept == [0, 2, 3]
    ways = itertools.product(itertools.permutations(kept), ((), (0,), (2,), (3,), (0, 2), (0, 3), (2, 3), (0, 2, 3)))
    fitting = [
        (order, swapped)
        for order, swapped in ways
        if order.index(0) < order.index(2)
        and reordered(cell, order, swapped).blocks == found.blocks
        and {*reordered(cell, order, swapped).outputs} == {*found.outputs}
    ]
    assert len(fitting) == 1 and fitting[0] != (tuple(kept), ())
    images = generator.normal(0.0, 1.0, (4, 8, 8, 3)).astype(np.float32)
    models = filled(Genotype(cell, cell)), filled(Genotype(found, found), (cell, *fitting[0]))
    assert models[0].count_params() == models[1].count_params()
    assert difference(*(model(images) for model in models)) < 1e-5


def chain_spelled_anew(genotype, order):
    places = {old: new for new, old in enumerate(order)}
    layers = []
    for old in order:
        layer = genotype.layers[old]
        read = sorted(places[int(name[6:])] for name in layer.inputs)
        layers.append(type(layer)(layer.kernel, layer.filters, [layer_output(one) for one in read], layer.strides))
    pooled = sorted(places[int(name[6:])] for name in genotype.pooled)
    return ChainGenotype(layers, [layer_output(one) for one in pooled])


@given(SEEDS)
@settings(max_examples=50, deadline=None)
def test_chains_of_layers_in_any_order(seed):
    generator = np.random.default_rng(seed)
    genotype = random_chain_genotype(generator)
    reads = [{int(name[6:]) for name in layer.inputs} for layer in genotype.layers]
    again, found = chain_spelled_anew(genotype, drawn_order(reads, generator)), genotype.canonical()
    assert again.canonical() == found == found.canonical()
    assert len({str(genotype_cost(one, (8, 8, 3))) for one in (genotype, again, found)}) == 1
    space = ChainSpace(num_layers=len(genotype.layers), predict_strides=True)
    if not genotype.pooled:
        assert space.decode(space.encode(found)) == found


def test_chains_in_both_orders_compute_the_same_function(generator):
    space = ChainSpace(num_layers=3)
    genotype = space.decode(space.encode(ChainGenotype.from_plain(CHAIN)))
    found = genotype.canonical()
    assert found != genotype and found == chain_spelled_anew(genotype, [1, 0, 2])
    one, other = (ChainFromGenotype(each, (6, 6, 1), classifier_activation=None) for each in (genotype, found))
    for layer in one.layers:
        for weight in layer.weights:
            shape = tuple(weight.shape)
            weight.assign(generator.normal(0.0, 0.2, shape) if len(shape) > 1 else generator.uniform(0.5, 1.5, shape))
    for name, source in {"layer_00": "layer_01", "layer_01": "layer_00", "layer_02": "layer_02"}.items():
        values = one.get_layer(f"{source}_conv").get_weights()
        if name == "layer_02":  # it reads 24 channels of the one, then 36 of the other
            values[0] = np.concatenate([values[0][..., 36:, :], values[0][..., :36, :]], axis=-2)
        other.get_layer(f"{name}_conv").set_weights(values)
    other.get_layer("logits").set_weights(one.get_layer("logits").get_weights())
    images = generator.normal(0.0, 1.0, (4, 6, 6, 1)).astype(np.float32)
    assert difference(one(images), other(images)) < 1e-5


CHAIN = {
    "format": "nasnet_keras.chain_genotype",
    "version": 1,
    "layers": [
        {"kernel": [3, 1], "filters": 36, "strides": [1, 1], "inputs": []},
        {"kernel": [1, 3], "filters": 24, "strides": [1, 1], "inputs": []},
        {"kernel": [1, 1], "filters": 24, "strides": [1, 1], "inputs": ["layer_0", "layer_1"]},
    ],
    "pooled": [],
}


def test_layers_that_read_their_predecessor_have_one_order(generator):
    for _ in range(20):
        genotype = random_macro_genotype(generator)
        assert genotype.canonical() is genotype


@given(SEEDS, st.sampled_from([0.3, 1.0, 1.4]))
@settings(max_examples=50, deadline=None)
def test_stages_written_as_several(seed, alpha):
    generator = np.random.default_rng(seed)
    space = MnasNetSpace()
    genotype = space.decode(space.sample(generator))
    stages = []
    for stage in genotype.stages:
        counts = [stage.layers] if generator.random() < 0.5 else [1] * stage.layers
        values = {field: getattr(stage, field) for field in stage.__dataclass_fields__}
        for place, count in enumerate(counts):
            part = {**values, "layers": count, "stride": 1 if place else stage.stride}
            if part["layers"] == 1 and part["stride"] == 2 and stage.skip != "pool":
                part["skip"] = str(generator.choice(["identity", "none"]))
            stages.append(Stage(**part))
    again = StageGenotype(stages, genotype.stem, genotype.head)
    found = genotype.canonical()
    assert again.canonical() == found == found.canonical() and space.decode(space.encode(found)) == found
    sizes = {"input_shape": (32, 32, 3), "alpha": alpha, "stem_stride": 1}
    assert len({str(genotype_cost(one, **sizes)) for one in (genotype, again, found)}) == 1


def test_stages_that_differ_stay_apart():
    def spelled(*stages):
        return StageGenotype([Stage("conv", 3, 16, **stage) for stage in stages]).canonical()

    assert spelled({"stride": 2, "skip": "none"}) == spelled({"stride": 2}) != spelled({"stride": 2, "skip": "pool"})
    assert spelled({"skip": "none"}) != spelled({}), "an input of 16 channels would be added"
    assert spelled({"stride": 2}, {"skip": "none"}) == spelled({"stride": 2, "layers": 2, "skip": "none"})
    assert len(spelled({"stride": 2}, {"stride": 2}).stages) == 2 == len(spelled({}, {"squeeze_excite": 0.5}).stages)


def test_cells_of_the_benchmark_in_both_orders_of_their_nodes():
    swaps = 0
    for operations in itertools.product(NASBENCH201_OPERATIONS, repeat=6):
        cell = NASBench201Genotype(operations)
        one, two, between, *last = operations
        other = NASBench201Genotype((two, one, between, last[0], last[2], last[1]))
        assert cell.canonical() in (cell, other) and cell.canonical().canonical() == cell.canonical()
        assert between != "none" or other.canonical() == cell.canonical()
        swaps += cell.canonical() != cell
    assert swaps == (5**5 - 5**3) // 2, "with none between the nodes, half of the cells that are not symmetric"
    cell = NASBench201Genotype.from_plain("|nor_conv_3x3~0|+|skip_connect~0|none~1|+|none~0|avg_pool_3x3~1|none~2|")
    costs = [genotype_cost(one, num_repeats=1, filters=4) for one in (cell, cell.canonical())]
    assert cell.canonical() != cell and costs[0] == costs[1]


def test_a_cell_with_too_many_orders_is_ordered_all_the_same():
    generator = np.random.default_rng(0)
    equal = [block("identity current", "identity current") for _ in range(40)]
    readers = [block(*(f"sep_conv_3x3 block_{one}" for one in generator.integers(40, size=2))) for _ in range(40)]
    cell = Cell([*equal, *readers], [f"block_{number}" for number in range(40, 80)])
    begun = time.process_time()
    canonical = cell.canonical()
    assert time.process_time() - begun < 5
    assert canonical.canonical() == canonical
    costs = {genotype_cost(Genotype(one, one), (16, 16, 3), **SIZES) for one in (cell, canonical)}
    assert len(costs) == 1

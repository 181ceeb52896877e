"""Tables of benchmarks: what is read of them, and searches of their spaces."""

import csv
import dataclasses
import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from nasnet_keras.networks.cost import genotype_cost
from nasnet_keras.search import SearchConfig, registry, run, tables
from nasnet_keras.search.evaluators.tabular import TabularEvaluator
from nasnet_keras.search.report.terminal import summary
from nasnet_keras.search.spaces import SPACES, make
from nasnet_keras.search.spaces.accel_nasbench import AccelNASBenchSpace
from nasnet_keras.search.spaces.base import Space
from nasnet_keras.search.spaces.nasbench201 import NASBench201Space
from nasnet_keras.search.spaces.nasbench_macro import NASBenchMacroSpace
from nasnet_keras.search.spaces.tables import Benchmark, read, read_costs
from nasnet_keras.search.study import Study, StudyError
from nasnet_keras.search.tables import located
from nasnet_keras.search.testing import check_evaluator, check_space

ROOT = Path(__file__).parent.parent
FREE = AccelNASBenchSpace()
MACRO = NASBenchMacroSpace()
ACCEL = [*FREE.benchmark.keys, "val_top1", "macs_M", "params_M", "latency_zcu102"]


class Ends(Space):
    """The networks of NAS-Bench-Macro whose first six blocks are of kind 2."""

    decisions = MACRO.decisions[6:]

    def decode(self, choices):
        self.pick(choices)
        return MACRO.decode((*[2] * 6, *choices))

    def encode(self, genotype):
        choices = MACRO.encode(genotype)
        if choices[:6] != (2,) * 6:
            raise ValueError(f"{genotype} does not begin with six blocks of kind 2")
        return choices[6:]


def write(path, header, lines):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *lines])
    return path


def accel_line(choices, top1=60.0, macs=300.5, parameters=3.25, latency=4.0):
    flags = {"no": "False", "yes": "True"}
    return [*(flags.get(name, name) for name in FREE.pick(choices)), top1, macs, parameters, latency]


@pytest.fixture(scope="module")
def accel(tmp_path_factory):
    """A table of 80 networks whose accuracy and latency grow with their choices."""
    generator = np.random.default_rng(0)
    networks = [FREE.sample(generator) for _ in range(80)]
    lines = [accel_line(one, 40 + sum(one), latency=sum(one) / 4) for one in networks]
    return write(tmp_path_factory.mktemp("accel") / "table.csv", ACCEL, lines)


@pytest.fixture(scope="module")
def macro(tmp_path_factory):
    """All networks; the first training is two points better than the mean."""
    lines = []
    for index in range(MACRO.size):
        name = np.base_repr(index, 3).zfill(8)
        mean = 80 + sum(map(int, name)) / 2
        lines.append([name, mean + 2, mean - 1, mean - 1, 1000 + index, 10 * index])
    header = ["architecture", *(f"test_accuracy_seed_{seed}" for seed in range(3)), "parameters", "multiply_adds"]
    return write(tmp_path_factory.mktemp("macro") / "table.csv", header, lines)


def config(space, table, workdir="unused", **changes):
    return SearchConfig(workdir, space=space, evaluator="tabular", table=table, **changes)


# --- spaces


def test_every_space_with_a_table_says_what_its_columns_mean():
    spaces = registry.spaces_for("tabular")
    for name in spaces:
        benchmark = registry.space(name).load().benchmark
        assert isinstance(benchmark, Benchmark) and benchmark.reward in benchmark.figures, name
    assert spaces == ("nasnet", "nasbench201", "nasbench_macro", "accel_nasbench")


def test_golden_sizes():
    assert make("nasbench_macro").size == 3**8
    assert FREE.size == 36**6 * 48 and len(FREE.decisions) == 28


@pytest.mark.parametrize("text", ["", "2221222", "22212223", "222122200", 22212220, "２2212220"])
def test_what_is_no_network_of_nasbench_macro(text):
    with pytest.raises(ValueError, match="expected eight digits from 0 to 2"):
        MACRO.encode(text)


@pytest.mark.parametrize(
    "change",
    [lambda t: t[:-1], lambda t: t + "-e1k3l1", lambda t: t.replace("e1k3l1", "e1 k3l1", 1), lambda t: ["e1k3l1"] * 7],
)
def test_what_is_no_network_of_accel_nasbench(change):
    with pytest.raises(ValueError, match="expected seven blocks"):
        FREE.encode(change(FREE.decode((0,) * 28)))


def test_a_network_of_accel_nasbench_with_an_illegal_size():
    with pytest.raises(ValueError, match="block_0_expansion must be one of 1, 4, 6, got '3'"):
        FREE.encode("-".join(["e3k3l1"] * 7))


def test_the_space_of_a_table_proposes_what_the_table_has(accel):
    space = make("accel_nasbench", table=accel)
    check_space(space)
    check_space(FREE)
    assert space.size == len(space.known) == 80
    generator = np.random.default_rng(1)
    assert all(space.sample(generator) in space.known for _ in range(100))
    assert {space.sample(generator) for _ in range(2000)} == {*space.known}
    assert not space.fits((0,) * 28) and FREE.fits((0,) * 28)


def test_mutations_go_to_near_networks_also_from_unknown_ones(accel):
    space, generator = make("accel_nasbench", table=accel), np.random.default_rng(2)
    rows = np.array(space.known)
    for start in (space.known[0], FREE.sample(generator)):
        distances = np.sort(np.abs(rows - np.array(start)).sum(axis=1))
        nearest = distances[distances > 0][0]
        for _ in range(50):
            found = space.mutate(start, generator)
            assert found in space.known and found != start
            steps = np.abs(np.array(found) - np.array(start)).sum()
            assert steps <= nearest + 4, "a mutation goes two steps at most, and two more are lost on the way back"


# --- figures and costs


def test_figures_in_their_units_and_trainings_of_one_network(tmp_path):
    one, other = FREE.decode((0,) * 28), FREE.decode((1,) * 28)
    lines = [accel_line((0,) * 28), accel_line((1,) * 28, latency=""), accel_line((0,) * 28, top1=61, latency=5)]
    path = write(tmp_path / "table.csv", ACCEL, lines)
    table = read(path, FREE.benchmark)
    assert (table[one].reward, table[one].tests) == (60.5, {})
    assert table[one].costs == {"parameters": 3_250_000, "multiply_adds": 300_500_000, "zcu102_ms": 4.5}
    assert "zcu102_ms" not in table[other].costs, "a device that could not run it"
    evaluator = TabularEvaluator(config("accel_nasbench", path))
    assert evaluator.costs(one) == table[one].costs
    assert evaluator.evaluate(one, 0) == (60.5, {"val_top1": 60.5})


@pytest.mark.parametrize(("column", "text"), [(3, "maybe"), (-1, "fast"), (-2, ""), (-4, "inf"), (0, "3"), (2, "x")])
def test_damaged_lines_of_accel_nasbench(column, text, tmp_path):
    line = accel_line((0,) * 28)
    line[column] = text
    with pytest.raises(ValueError, match="cannot read the table|block_0_|expected seven blocks"):
        config("accel_nasbench", write(tmp_path / "table.csv", ACCEL, [line]))


def test_a_table_of_another_benchmark(accel, macro):
    with pytest.raises(ValueError, match="it is a table of Accel-NASBench, for space='accel_nasbench', and not of NAS"):
        TabularEvaluator(config("nasbench201", accel))
    with pytest.raises(ValueError, match="it is a table of NAS-Bench-Macro, for .* and not of Accel"):
        config("accel_nasbench", macro)


@pytest.mark.parametrize("space", ["nasbench_macro", "accel_nasbench"])
def test_evaluators_keep_the_contract(space, accel, macro):
    settings = config(space, {"nasbench_macro": macro, "accel_nasbench": accel}[space])
    check_evaluator(lambda: TabularEvaluator(settings), settings.search_space())


@pytest.mark.parametrize("algorithm", ["random", "evolution"])
def test_a_partial_table_is_searched_without_a_failed_trial(algorithm, accel, tmp_path):
    settings = config("accel_nasbench", accel, tmp_path, algorithm=algorithm, trials=60, random_trials=4, window=1)
    study = run(settings)
    assert [trial.status for trial in study.trials] == ["ok"] * 60
    if algorithm == "evolution":
        assert len({trial.genotype for trial in study.trials[50:]}) == 10, "no network is judged again"
    assert study.result["val_top1"] == study.best.reward == max(trial.reward for trial in study.trials)
    assert "No finalist has a test accuracy" in (tmp_path / "report.html").read_text()
    assert "test accuracy" not in summary(study)


def test_a_search_of_nasbench_macro_is_judged_by_the_mean(macro, tmp_path):
    study = run(config("nasbench_macro", macro, tmp_path, algorithm="evolution", trials=120, population_size=20))
    assert study.best.reward > 88.5 and all("test" not in name for one in study.trials for name in one.metrics)
    assert study.result["test_accuracy_50_epochs"] == pytest.approx(study.best.reward - 2)
    assert "88." in (tmp_path / "report.html").read_text() or "87." in (tmp_path / "report.html").read_text()


def test_what_identified_a_table_before_does_so_still(tmp_path):
    lines = [[0, "|b|", 1.5, 2.25], [1, "|a|", 3, 4]]
    header = ["index", "cell", "validation_accuracy_12_epochs", "test_accuracy_200_epochs"]
    evaluator = TabularEvaluator(config("nasbench201", write(tmp_path / "table.csv", header, lines)))
    text = "[('|a|', (3.0, 4.0)), ('|b|', (1.5, 2.25))]"
    assert evaluator.facts() == {"table_crc32": f"{zlib.crc32(text.encode()):08x}"}


# --- a further file of costs


def cells(tmp_path, count=3):
    space = NASBench201Space()
    names = [space.decode(np.unravel_index(number, (5,) * 6)) for number in range(count)]
    header = ["index", "cell", "validation_accuracy_12_epochs", "test_accuracy_200_epochs"]
    return names, write(
        tmp_path / "table.csv", header, [[10 + i, name, 50 + i, 60 + i] for i, name in enumerate(names)]
    )


def test_further_costs_are_joined_by_index(tmp_path):
    names, path = cells(tmp_path)
    lines = [[12, 3.5, 7], [10, 1.5, -1], [11, "", 6]]
    costs = write(tmp_path / "costs.csv", ["index", "pixel3_ms", "edgetpu_ms"], lines)
    found = read_costs(costs, NASBench201Space.benchmark, read(path, NASBench201Space.benchmark))
    assert [found[name] for name in names] == [
        {"pixel3_ms": 1.5},
        {"edgetpu_ms": 6.0},
        {"pixel3_ms": 3.5, "edgetpu_ms": 7},
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([["index", "a_ms"], [10, 1], [11, 1]], "it lacks 1 of the table's 3 networks, as that with the index 12"),
        ([["index", "a_ms"], [10, 1], [13, 1]], "line 3: the table has no network with the index '13'"),
        ([["index", "a_ms"], [10, 1], [10, 1]], "line 3: the index 10 stands twice"),
        ([["index", "a_ms"], [10, "x"]], "line 2: a_ms must be a finite number, got 'x'"),
        ([["index", "a_ms"], [10]], "line 2: it has 1 of 2 columns"),
        ([["index", "A ms"], [10, 1]], "a cost's name has lower-case letters, digits and _ only, got 'A ms'"),
        ([["cell", "a_ms"], [10, 1]], "it has no column index"),
        ([["index"], [10]], "it has no column of costs"),
        ([["index", "a_ms", "a_ms"], [10, 1, 1]], "it has two columns of one name"),
        ([[]], "it has no column index"),
    ],
)
def test_bad_costs(lines, message, tmp_path):
    _, path = cells(tmp_path)
    table = read(path, NASBench201Space.benchmark)
    with pytest.raises(ValueError, match=f"cannot read the costs .*{message}"):
        read_costs(write(tmp_path / "costs.csv", lines[0], lines[1:]), NASBench201Space.benchmark, table)


def test_costs_for_a_table_without_an_index(macro, tmp_path):
    costs = write(tmp_path / "costs.csv", ["index", "a_ms"], [[0, 1]])
    with pytest.raises(ValueError, match="cannot join .* with the table: it has no column index"):
        read_costs(costs, MACRO.benchmark, read(macro, MACRO.benchmark))


def test_costs_of_cells_are_counted(tmp_path):
    names, path = cells(tmp_path)
    evaluator = TabularEvaluator(config("nasbench201", path))
    found = evaluator.costs(names[2])
    assert {*found} == {"parameters", "trainable_parameters", "multiply_adds"}
    assert found["multiply_adds"] > evaluator.costs(names[0])["multiply_adds"]


def test_the_evaluator_has_all_costs_and_its_facts_tell_the_files_apart(tmp_path):
    names, path = cells(tmp_path)
    costs = write(tmp_path / "costs.csv", ["index", "pixel3_ms"], [[10, 1], [11, -1], [12, 3]])
    evaluator = TabularEvaluator(config("nasbench201", path, costs=costs, limit=["pixel3_ms=2", "parameters=1e6"]))
    assert [evaluator.costs(name).get("pixel3_ms") for name in names] == [1.0, None, 3.0]
    without = TabularEvaluator(config("nasbench201", path))
    assert {*evaluator.facts()} == {"table_crc32", "costs_crc32"} and {*without.facts()} == {"table_crc32"}
    write(costs, ["index", "pixel3_ms"], [[10, 1], [11, -1], [12, 4]])
    other = TabularEvaluator(config("nasbench201", path, costs=costs))
    assert other.facts()["costs_crc32"] != evaluator.facts()["costs_crc32"]
    assert other.facts()["table_crc32"] == without.facts()["table_crc32"]


def test_a_file_of_costs_may_lie_elsewhere_but_not_change(tmp_path):
    _, path = cells(tmp_path)
    costs = write(tmp_path / "costs.csv", ["index", "pixel3_ms"], [[10, 1], [11, -1], [12, 3]])

    def opened(costs):
        settings = config("nasbench201", path, tmp_path / "study", costs=costs)
        Study.open(settings, TabularEvaluator(settings).facts()).close()

    opened(costs)
    opened(costs.rename(tmp_path / "moved.csv"))
    with pytest.raises(StudyError, match="costs_crc32 was '.*' and is now '"):
        opened(write(costs, ["index", "pixel3_ms"], [[10, 1], [11, -1], [12, 4]]))
    with pytest.raises(StudyError, match="costs_crc32 was '.*' and is now None"):
        opened(None)


def test_a_limit_of_a_cost_that_no_column_gives(tmp_path, macro):
    _, path = cells(tmp_path)
    costs = write(tmp_path / "costs.csv", ["index", "pixel3_ms"], [[10, 1], [11, 2], [12, 3]])
    with pytest.raises(ValueError, match="limit=pixel4_ms: .* no such cost, but parameters, .*, pixel3_ms"):
        operations = ("none", "skip_connect")
        run(config("nasbench201", path, tmp_path / "study", costs=costs, operations=operations, limit="pixel4_ms=8"))
    with pytest.raises(ValueError, match="limit=zcu102_ms: .* no such cost, but parameters, multiply_adds"):
        run(config("nasbench_macro", macro, tmp_path / "study", limit="zcu102_ms=8"))
    assert not (tmp_path / "study").exists()


def test_a_partial_table_is_searched_under_a_limit(accel, tmp_path):
    most = np.median([entry.costs["zcu102_ms"] for entry in read(accel, FREE.benchmark).values()])
    settings = {"algorithm": "evolution", "trials": 40, "population_size": 10, "limit": f"zcu102_ms={most}"}
    study = run(config("accel_nasbench", accel, tmp_path, **settings))
    assert all(trial.costs["zcu102_ms"] <= most for trial in study.trials) and len(study.trials) == 40
    assert study.best.reward == pytest.approx(40 + 4 * most, abs=4), "accuracy and latency grow together"


def test_costs_are_for_nasbench201_alone(macro):
    with pytest.raises(ValueError, match="costs='c.csv' is for 'nasbench201'; space is 'nasbench_macro'"):
        config("nasbench_macro", macro, costs="c.csv")


def test_a_space_of_ones_own_beside_any_table(macro, tmp_path):
    study = run(config("nasbench_macro", macro, tmp_path, algorithm="random", trials=20), space=Ends())
    assert study.best.reward >= 80 + 6 + 1 + 2 and all(one.genotype.startswith("222222") for one in study.trials)


# --- the benchmarks themselves


def real(name):
    folder = os.environ.get("TFDS_DATA_DIR")
    path = Path(folder).parent / name if folder else None
    if path is None or not path.is_file():
        pytest.skip(f"{name} is not beside the folder that TFDS_DATA_DIR names")
    return path


def test_nasbench_macro_itself():
    table = read(real("nasbench_macro_cifar10.csv"), MACRO.benchmark)
    assert {*map(MACRO.encode, table)} == {tuple(np.unravel_index(i, (3,) * 8)) for i in range(3**8)}
    tests = {name: entry.tests["test_accuracy_50_epochs"] for name, entry in table.items()}
    best = max(tests.values())
    assert {name for name in tests if tests[name] == best} == {"22212220", "22212202"} and best == pytest.approx(
        93.127, abs=1e-3
    )
    assert table["22222222"].costs == {"parameters": 2_932_586, "multiply_adds": 105_660_928}


def test_accel_nasbench_itself():
    path = real("accel_nasbench_mnasnet_space.csv")
    space = make("accel_nasbench", table=path)
    assert space.size == 5125
    table = read(path, space.benchmark)
    latencies = {name: entry.costs["zcu102_ms"] for name, entry in table.items() if "zcu102_ms" in entry.costs}
    assert len(table) - len(latencies) == 2
    for name in [*table][::50]:
        counted = genotype_cost(space.stages(name), (224, 224, 3), classes=1000)
        assert counted.trainable_parameters == table[name].costs["parameters"]
        assert 0.86 < counted.multiply_adds / table[name].costs["multiply_adds"] < 0.96, "normalized values count there"
    best = [max(table[name].reward for name in latencies if latencies[name] <= most) for most in (3, 5, 8)]
    assert best == pytest.approx([61.68, 64.95, 66.39], abs=0.005)


def test_latencies_of_nasbench201_themselves():
    benchmark = NASBench201Space.benchmark
    table = read(real("nasbench201_cifar10.csv"), benchmark)
    costs = read_costs(real("nasbench201_latency.csv"), benchmark, table)
    devices = {name for one in costs.values() for name in one}
    assert devices == {f"{name}_ms" for name in ("raspi4", "pixel3", "edgegpu", "edgetpu", "eyeriss", "fpga")}
    assert len(costs) == 15625 and sum("edgetpu_ms" not in one for one in costs.values()) == 4699


def test_no_space_but_those_of_tables_reads_a_table():
    known = [name for name in SPACES if hasattr(make(name), "known")]
    assert known == ["nasnet", "accel_nasbench", "enas_micro"]
    assert all(make(name, table="no such file") for name in SPACES if name not in known)


# --- the table of cells that ships with the package

CELLS = "nasnet_cells_cifar10"


def lines_of(name=CELLS):
    return [json.loads(line) for line in located(CELLS).with_stem(name).read_text().splitlines()]


def jsonl(path, lines):
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


def test_the_cells_that_ship_are_a_small_file_with_a_card():
    lines, repeats = lines_of(), lines_of(f"{CELLS}_repeats")
    card = json.loads(located(CELLS).with_suffix(".json").read_text())
    assert tables.names() == (CELLS,) and card["name"] == CELLS
    assert (card["cells"], card["repeats"]) == (len(lines), len(repeats)) and len(lines) >= 9
    assert len({line["row"] for line in lines}) == len(lines), "each cell once"
    assert {line["epochs"] for line in lines} == {3}
    assert {line["commit"] for line in lines + repeats} == {*card["commits"]} and len(card["commits"]) == 1
    assert card["command"].startswith("nasnet-search --dataset=cifar10") and "JPEG" in card["dataset"]
    assert {"license", "hardware", "noise", "child_hours"} <= {*card}
    assert sum(path.stat().st_size for path in located(CELLS).parent.glob(f"{CELLS}*")) <= 3_000_000


def test_costs_of_the_cells_that_ship_are_those_of_their_command():
    space = make("nasnet", table=CELLS)
    for genotype, entry in [*read(CELLS, space.benchmark).items()][:3]:
        cost = genotype_cost(genotype, (32, 32, 3), num_repeats=1, filters=8)
        assert entry.costs == dataclasses.asdict(cost) and 0.1 < entry.reward < 1


def test_the_space_of_the_cells_proposes_these_alone():
    space, lines = make("nasnet", table=CELLS), lines_of()
    check_space(space)
    assert [list(choices) for choices in space.known] == [line["choices"] for line in lines]
    generator = np.random.default_rng(0)
    start = space.known[0]
    others = sorted(sum(map(int.__ne__, start, other)) for other in space.known[1:])
    for _ in range(20):
        differ = sum(map(int.__ne__, start, space.mutate(start, generator)))
        assert others[0] <= differ <= others[0] + 2, "the nearest is the one with the fewest other choices"


@pytest.mark.parametrize("algorithm", ["random", "bayesian"])
def test_the_cells_that_ship_are_searched_by_name(algorithm, tmp_path):
    study = run(SearchConfig(tmp_path, evaluator="tabular", table=CELLS, algorithm=algorithm, trials=6, window=1))
    rewards = {line["fingerprint"]: line["validation_accuracy"] for line in lines_of()}
    assert all(trial.reward == rewards[trial.genotype.fingerprint] for trial in study.trials)
    assert len({trial.genotype for trial in study.trials}) == 6
    assert study.result["validation_accuracy"] == study.best.reward
    (largest,) = [line for line in lines_of() if line["fingerprint"] == study.best.genotype.fingerprint]
    assert study.best.costs["multiply_adds"] == largest["multiply_adds"]


def test_cells_are_searched_under_a_limit(tmp_path):
    most = sorted(line["multiply_adds"] for line in lines_of())[4]
    settings = {"algorithm": "random", "trials": 10, "limit": f"multiply_adds={most}"}
    study = run(SearchConfig(tmp_path, evaluator="tabular", table=CELLS, **settings))
    assert {trial.status for trial in study.trials} == {"ok"}
    assert all(trial.costs["multiply_adds"] <= most for trial in study.trials)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines + lines[:1], "line 10: the network .* stands twice"),
        (lambda lines: [{**lines[0], "choices": lines[1]["choices"]}], "line 1: its fingerprint is '.*', and that of"),
        (lambda lines: [{**lines[0], "choices": 7}], "line 1: choices must be a list, got 7"),
        (lambda lines: [{**lines[0], "choices": "[0"}], "line 1: "),
        (lambda lines: [{**lines[0], "choices": [99] * 50}], "line 1: normal_block_0_left_input must be from 0 to 1"),
        (lambda lines: [{**lines[0], "validation_accuracy": None}], "line 1: validation_accuracy must be a finite"),
        (lambda lines: [{**lines[0], "validation_accuracy": True}], "line 1: validation_accuracy must be a finite"),
        (lambda lines: [lines[0], {"choices": []}], "line 2: it lacks 'row', which the first line has"),
        (lambda lines: [[1, 2]], r"line 1: expected a JSON object, got '\[1, 2\]'"),
        (lambda lines: [], "it has no column choices"),
        (lambda lines: [{"a": 1}], "it has no column choices"),
    ],
)
def test_damaged_tables_of_cells(change, message, tmp_path):
    path = jsonl(tmp_path / "cells.jsonl", change(lines_of()[:9]))
    with pytest.raises(ValueError, match=f"cannot read the table {path}: {message}"):
        make("nasnet", table=path)


def test_foreign_tables_of_cells(accel, tmp_path):
    with pytest.raises(ValueError, match=f"cannot read the table cells: there is no such file, and .* are {CELLS}"):
        make("nasnet", table="cells")
    with pytest.raises(ValueError, match="a table of Accel-NASBench, for space='accel_nasbench', and not of cells"):
        make("nasnet", table=accel)
    with pytest.raises(
        ValueError, match="a table of cells of NASNet's space, for space='nasnet', and not of NAS-Bench"
    ):
        read(CELLS, NASBench201Space.benchmark)
    with pytest.raises(ValueError, match=f"the table {CELLS} has no cell of this space: .* got 5"):
        make("nasnet", table=CELLS, num_blocks=2)
    (tmp_path / "cells.jsonl").write_text('{"choices": [')
    with pytest.raises(ValueError, match="cannot read the table .*cells.jsonl: line 1: "):
        make("nasnet", table=tmp_path / "cells.jsonl")


def test_the_table_is_made_of_the_trainings(tmp_path):
    def line(row, reward, epochs=3, seed=None, processor="a", status="ok"):
        figures = {"validation_accuracy": reward, "epochs": epochs, "seed": row if seed is None else seed}
        return {**lines_of()[0], "row": row, **figures, "processor": processor, "status": status}

    raw = [line(2, 0.5), line(0, 0.4), line(0, 0.6, processor="b"), line(1, None, status="crashed"), line(3, 0.6)]
    raw += [line(0, 0.5, seed=9), line(2, 0.7, seed=9), line(0, 0.8, 30), line(2, 0.9, 30), line(3, 0.7, 30)]
    tool = [sys.executable, ROOT / "tools" / "make_table.py"]
    subprocess.run([*tool, f"--cells={jsonl(tmp_path / 'raw.jsonl', raw)}", f"--target={tmp_path}"], check=True)
    made = [json.loads(text) for text in (tmp_path / f"{CELLS}.jsonl").read_text().splitlines()]
    assert [(one["row"], one["validation_accuracy"]) for one in made] == [(0, 0.4), (2, 0.5), (3, 0.6)]
    assert len((tmp_path / f"{CELLS}_repeats.jsonl").read_text().splitlines()) == 6
    card = json.loads((tmp_path / f"{CELLS}.json").read_text())
    assert (card["cells"], card["repeats"], card["failed"]) == (3, 6, 1)
    noise = card["noise"]
    assert noise["over_seeds"] == {"cells": 2, "trainings": 4, "standard_deviation": 0.11180}
    assert noise["over_processors"] == {"cells": 1, "trainings": 2, "standard_deviation": 0.14142}
    assert noise["after_30_epochs"] == {"cells": 3, "spearman": -0.5}, "0.4, 0.5, 0.6 against 0.8, 0.9, 0.7"

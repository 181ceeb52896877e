"""Progressive search: its levels, what it learns and explores, and whole searches by it."""

import functools
import json
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from helpers import mostly_fuzz

from nasnet_keras.search import Evaluator, SearchConfig, algorithms, load_study, run
from nasnet_keras.search.algorithms.beam import Beam
from nasnet_keras.search.algorithms.progressive import Progressive
from nasnet_keras.search.equality import network_name
from nasnet_keras.search.loop import SearchError
from nasnet_keras.search.registry import ALGORITHMS, SPACES
from nasnet_keras.search.report.page import report
from nasnet_keras.search.spaces import make
from nasnet_keras.search.spaces.base import Decision, Space
from nasnet_keras.search.spaces.growth import Growth
from nasnet_keras.search.spaces.limited import LimitedSpace
from nasnet_keras.search.spaces.nas import ChainSpace
from nasnet_keras.search.spaces.nasnet import CellSpace
from nasnet_keras.search.spaces.pnas import PNASSpace
from nasnet_keras.search.study.result import are_notes
from nasnet_keras.search.surrogates.mlp import MLPEnsemble
from nasnet_keras.search.surrogates.tokens import Tokens
from nasnet_keras.search.testing import ContractError, check_algorithm, check_space

OPERATIONS = ("identity", "sep_conv_3x3", "max_pool_3x3")
SPACE = PNASSpace(OPERATIONS, num_blocks=3)
CELLS = CellSpace(OPERATIONS, num_blocks=3)  # two cells, which grow in turn


def worth(cell):
    """Separable convolutions of the current input are good, and deeper cells are better."""
    good = sum(cell[start + 2 + side] == 1 for start in range(0, len(cell), 4) for side in (0, 1))
    near = sum(cell[start + side] == 0 for start in range(0, len(cell), 4) for side in (0, 1))
    return 0.1 * good + 0.02 * near


@pytest.fixture
def quickly(monkeypatch):
    """Predictors learn in a few steps, for tests of all else."""
    monkeypatch.setattr(MLPEnsemble.__init__, "__defaults__", (5, 0.01))


def search(algorithm, trials, reward=worth):
    found = []
    for trial in range(trials):
        found.append(algorithm.ask(trial))
        algorithm.tell(found[-1], reward(found[-1]))
    return found


def names(cells, space=SPACE):
    return [network_name(space.decode(cell)) for cell in cells]


# --- levels


def test_the_blocks_of_the_paper():
    algorithm = Progressive(PNASSpace(), seed=0)
    counts = [len(algorithm._blocks(level)) for level in range(5)]
    assert counts == [136, 300, 528, 820, 1176]
    assert [256 * count for count in counts[1:]] == [76_800, 135_168, 209_920, 301_056]
    starts = [algorithm.awaits(trial) for trial in (0, 135, 136, 391, 392, 648, 904, 1159, 1160, 1416)]
    assert starts == [0, 0, 136, 136, 392, 648, 904, 904, 1160, 1416]
    assert algorithm.least_trials == 905
    first = [algorithm.ask(trial) for trial in range(136)]
    assert len(set(names(first, PNASSpace()))) == 136 and all(len(cell) == 4 for cell in first)


def test_levels_grow_from_their_parents_and_repeat_no_network(quickly):
    cells = search(Progressive(SPACE, seed=0, beam_size=10), 45)
    levels = [cells[:10], cells[10:20], cells[20:30], cells[30:40], cells[40:]]
    assert [{len(cell) for cell in level} for level in levels] == [{4}, {8}, {12}, {12}, {12}]
    for parents, level in ((levels[0], levels[1]), *((levels[1], last) for last in levels[2:])):
        assert {cell[:-4] for cell in level} <= set(parents)
    assert len(set(names(cells))) == len(cells)


def test_a_first_level_that_is_a_part_shares_out_the_choices():
    for seed in range(5):
        algorithm = Progressive(PNASSpace(), seed, beam_size=8)
        first = np.array([algorithm.ask(trial) for trial in range(8)])
        made = [np.bincount(first[:, slots].ravel(), minlength=size) for slots, size in (([0, 1], 2), ([2, 3], 8))]
        assert made[0].min() >= 3 and made[1].min() >= 1


def test_the_beam_is_the_best_by_prediction_and_an_eighth_explores():
    algorithm = Progressive(PNASSpace(), seed=0, beam_size=16)
    told = search(algorithm, 16)
    beam = [algorithm.ask(trial) for trial in range(16, 32)]
    best, explorers = beam[:14], beam[14:]
    average = np.mean([worth(PNASSpace().sample(np.random.default_rng(seed))[:8]) for seed in range(200)])
    assert np.mean([worth(cell) for cell in best]) > average + 0.05
    tokens = Tokens.of(PNASSpace().decisions, PNASSpace().growth)
    tried = tokens.counted(np.array(told)).sum(axis=0) + tokens.counted(np.array(best)[:, 4:]).sum(axis=0)
    tried[3:6] = 99  # inputs that no second block has
    assert tokens.counted([explorers[0][4:]])[0][tried.argmin()] > 0


def test_what_was_never_tried_is_explored_though_it_looks_bad():
    blocks = np.array([[0], [1], [2]])
    scores = np.array([[9.0, 5.0, 1.0], [8.0, 4.0, 2.0]])
    beam = Beam([(5,), (6,)], blocks, scores, lambda cell: cell != (6, 1))
    beam.take_best(2)
    beam.explore(5, made=np.eye(3, dtype=int), tried=np.array([3, 1, 0]))
    assert beam.cells == [(5, 0), (6, 0), (6, 2), (5, 1), (5, 2)]
    beam.explore(9, made=np.eye(3, dtype=int), tried=np.array([3, 1, 0]))
    assert len(beam.cells) == 5, "there are no more candidates"


@pytest.mark.parametrize("predictor", ["mlp", pytest.param("lstm", marks=pytest.mark.slow)])
def test_it_finds_good_cells(predictor):
    space = PNASSpace(num_blocks=3)
    cells = search(Progressive(space, seed=0, beam_size=24, predictor=predictor), 72)
    generator = np.random.default_rng(0)
    random = [worth(space.sample(generator)) for _ in range(72)]
    assert np.mean([worth(cell) for cell in cells[48:69]]) > max(random)


def test_failed_children_and_a_level_of_them(quickly):
    def reward(cell):
        return None if 2 in cell[2:4] else worth(cell)

    cells = search(Progressive(SPACE, seed=0, beam_size=8), 24, reward)
    assert not any(2 in cell[2:4] for cell in cells[8:]), "cells that failed are no parents"
    assert len(set(names(search(Progressive(SPACE, seed=0, beam_size=8), 30, lambda cell: None)))) == 30


def test_a_space_that_is_known_goes_on(quickly):
    space = PNASSpace(("identity",), num_blocks=2)
    algorithm = Progressive(space, seed=0, beam_size=8)
    cells = search(algorithm, 40)
    assert algorithm.awaits(3) == 3, "there are three cells of one block"
    assert len(set(names(cells, space))) > 12 and all(len(cell) == 8 for cell in cells[3:])


def test_all_levels_are_within_limits(quickly):
    def excess(genotype):
        return sum(genotype.operation_counts().get(name, 0) for name in ("sep_conv_3x3",)) - 4.0

    space = LimitedSpace(SPACE, excess)
    cells = search(Progressive(space, seed=0, beam_size=12), 40)
    assert all(map(space.fits, cells)) and {len(cell) for cell in cells} == {4, 8, 12}


# --- two cells, and spaces of one's own


def worth_of_both(cell):
    """Separable convolutions are good in a normal cell, and identities in a reduction cell."""
    genotype = CELLS.decode(cell)
    good = {"sep_conv_3x3": genotype.normal, "identity": genotype.reduction}
    return sum(edge.operation == name for name, cell in good.items() for block in cell.blocks for edge in block.edges)


def test_two_cells_grow_in_turn(quickly):
    cells = search(Progressive(CELLS, seed=0, beam_size=9), 54, worth_of_both)
    levels = [list(map(CELLS.decode, cells[start : start + 9])) for start in range(0, 54, 9)]
    sizes = [{(len(one.normal.blocks), len(one.reduction.blocks)) for one in level} for level in levels]
    assert sizes == [{(1, 1)}, {(2, 1)}, {(2, 2)}, {(3, 2)}, {(3, 3)}, {(3, 3)}]
    blocks = [[(one.normal.blocks, one.reduction.blocks) for one in level] for level in levels]
    for number, parents in ((1, 0), (2, 1), (3, 2), (4, 3), (5, 3)):
        grows, stays = (1, 0) if number in (2, 4, 5) else (0, 1)
        known = {(one[grows], one[stays]) for one in blocks[parents]}
        assert {(one[grows][:-1], one[stays]) for one in blocks[number]} <= known
    assert len({*names(cells, CELLS)}) == len(cells)


def test_the_first_beam_of_two_cells_shares_out_the_choices_of_each():
    algorithm = Progressive(CellSpace(), seed=0, beam_size=13)
    first = np.array([algorithm.ask(trial) for trial in range(13)])
    for start in (0, 5):
        made = [
            np.bincount(first[:, start : start + 5][:, slots].ravel(), minlength=2) for slots in ([0, 1], [2, 3], [4])
        ]
        assert made[0].min() >= 5 and len(made[1]) == 13 and made[1].min() >= 1 and made[2].min() >= 4
    assert np.mean(first[:, 2:4] == first[:, 7:9]) < 0.5, "the cells are drawn apart"
    assert [len(algorithm._blocks(number)) for number in (1, 2, 3, 8)] == [1560, 1560, 2756, 6162]
    assert algorithm.least_trials == 13 + 7 * 13 + 1


def test_each_cell_has_its_own_predictions():
    cells = search(Progressive(CELLS, seed=0, beam_size=16), 80, worth_of_both)
    generator = np.random.default_rng(0)
    random = [worth_of_both(CELLS.sample(generator)) for _ in range(200)]
    assert np.mean([worth_of_both(cell) for cell in cells[64:78]]) > np.mean(random) + 3 * np.std(random)


@pytest.mark.parametrize("space", [make("enas_micro", num_blocks=2), CellSpace(OPERATIONS, 2)], ids=str)
def test_other_cells_within_limits(quickly, space):
    def excess(genotype):
        return genotype.operation_counts()["normal cell"]["identity"] - 1.0

    limited = LimitedSpace(space, excess)
    cells = search(Progressive(limited, seed=0, beam_size=8), 30, lambda cell: float(sum(cell)))
    assert all(map(limited.fits, cells)) and {len(cell) for cell in cells} == {10, 15, 20}


class Towers(Space):
    """Texts of up to three storeys, each of which has a width and a height."""

    decisions = tuple(Decision(f"storey_{n}_{what}", ("1", "2", "3")) for n in range(3) for what in ("width", "height"))
    growth = Growth(cells=1, blocks=3, length=2, swappable=False)

    def decode(self, choices):
        picked = self.pick(choices)
        return "-".join("x".join(picked[start : start + 2]) for start in range(0, len(picked), 2))

    def encode(self, genotype):
        return self.find(re.split("[x-]", str(genotype)))


def test_a_space_of_ones_own_grows(quickly):
    check_space(Towers(), samples=20)
    towers = search(Progressive(Towers(), 0, beam_size=9), 30, lambda cell: float(sum(cell)))
    assert {*towers[:9]} == {(width, height) for width in range(3) for height in range(3)}
    assert [len(one) for one in towers] == [2] * 9 + [4] * 9 + [6] * 12

    def wrong(**changes):
        return type("Wrong", (Towers,), changes)()

    with pytest.raises(ContractError, match="the sides of a block must be swappable"):
        check_space(wrong(growth=Growth(1, 3, 2)))
    with pytest.raises(ContractError, match="6 decisions are not those of 1 × 2 equal blocks"):
        check_space(wrong(growth=Growth(1, 2, 2)))
    with pytest.raises(ContractError, match="growth must be a Growth"):
        check_space(wrong(growth=3))
    with pytest.raises(
        ContractError, match="choices within the decisions' ranges are legal.*expected 6 choices, got 2"
    ):
        check_space(wrong(legal_length=lambda self, length: length == 6))


def test_the_registry_knows_the_spaces_that_grow():
    cells = {name: make(name).growth.cells for name in SPACES if make(name).growth}
    assert cells == {name: SPACES[name].cells for name in cells}
    assert {*ALGORITHMS["progressive"].spaces} == {*cells} == {"nasnet", "pnas", "enas_micro"}


# --- the contract


@pytest.mark.parametrize("predictor", mostly_fuzz(["mlp", "lstm"], ["mlp"]))
def test_it_keeps_the_contract(quickly, predictor):
    check_algorithm(functools.partial(Progressive, beam_size=10, predictor=predictor), SPACE, trials=21)


def test_it_keeps_the_contract_in_two_cells(quickly):
    check_algorithm(functools.partial(Progressive, beam_size=5), CellSpace(OPERATIONS, 2), trials=16)


def test_asking_ahead_of_a_level_is_legal_and_changes_nothing(quickly):
    algorithm = Progressive(SPACE, seed=0, beam_size=8)
    ahead = [algorithm.ask(trial) for trial in (9, 17, 30)]
    assert [len(cell) for cell in ahead] == [8, 12, 12]
    assert search(algorithm, 24) == search(Progressive(SPACE, seed=0, beam_size=8), 24)
    assert search(Progressive(SPACE, seed=1, beam_size=8), 8) != search(Progressive(SPACE, seed=0, beam_size=8), 8)


def test_a_level_does_not_depend_on_which_of_its_trials_are_told(quickly):
    algorithm, other = (Progressive(SPACE, seed=0, beam_size=8) for _ in range(2))
    search(algorithm, 8), search(other, 8)
    level = [algorithm.ask(trial) for trial in range(8, 16)]
    other.tell(level[0], 1.0), other.tell(level[1], None)
    assert [other.ask(trial) for trial in range(10, 16)] == level[2:]


@pytest.mark.parametrize(
    "space", [*map(make, sorted({*SPACES} - {"nasnet", "pnas", "enas_micro"})), PNASSpace(num_blocks=1), None]
)
def test_other_spaces_are_refused(space):
    space = space or ChainSpace(num_layers=4, first_layers=2, deepen_every=5)
    with pytest.raises(ValueError, match=f"grow block by block, .* got {type(space).__name__}"):
        Progressive(space, 0)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="beam_size must be a positive integer, got 0"):
        Progressive(SPACE, 0, beam_size=0)
    with pytest.raises(ValueError, match="predictor must be one of mlp, lstm, got 'gp'"):
        Progressive(SPACE, 0, predictor="gp")


def test_notes_are_rank_correlations_by_level():
    algorithm = algorithms.make("progressive", SPACE, 0, beam_size=12)
    assert algorithm.notes() == {}
    search(algorithm, 12)
    assert algorithm.notes() == {}
    state = algorithm.state()
    search_on = [algorithm.ask(trial) for trial in range(12, 24)]
    for cell in search_on:
        algorithm.tell(cell, worth(cell))
    notes = algorithm.notes()
    (rows,) = notes.values()
    assert are_notes(notes) and [(row["Blocks"], row["Children"]) for row in rows] == [(2, 12)]
    assert rows[0]["Rank correlation of those learnt last"] > 0.8 and -1 <= rows[0]["Rank correlation"] <= 1
    again = algorithms.make("progressive", SPACE, 0, beam_size=12)
    again.restore(state)
    for cell in search_on:
        again.tell(cell, worth(cell))
    assert again.notes() == notes


# --- whole searches


class Worth(Evaluator):
    def evaluate(self, genotype, seed):
        return worth(SPACE.encode(genotype)), {}

    def finish(self, genotype, seed, folder):
        return self.evaluate(genotype, seed)


def config(path, **changes):
    settings = {"space": "pnas", "operations": OPERATIONS, "num_blocks": 3, "algorithm": "progressive", "trials": 30}
    return SearchConfig(path, **{**settings, "random_trials": 2, "executor": "inline", "finalists": 1, **changes})


def test_the_beam_follows_from_the_trials():
    assert (config("study").beam_size, config("study").predictor) == (10, "mlp")
    assert config("study", beam_size=7, predictor="lstm").beam_size == 7
    assert config("study", algorithm="random").beam_size is None
    assert SearchConfig("study", space="pnas", algorithm="progressive", trials=3).beam_size == 1
    two = {"algorithm": "progressive", "trials": 90}
    assert SearchConfig("study", **two).beam_size == SearchConfig("study", space="enas_micro", **two).beam_size == 10


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space": "enas_macro"}, "algorithm 'progressive' is for the spaces 'nasnet' and 'pnas' and 'enas_micro'"),
        ({"space": "nasnet", "evaluator": "supernet", "trials": 200}, "fewer blocks, and a supernet has whole ones"),
        (
            {"space": "nasnet", "operations": None, "evaluator": "tabular", "table": "nasnet_cells_cifar10"},
            "fewer blocks, and a table has whole ones only: choose another evaluator than 'tabular'",
        ),
        ({"algorithm": "random", "beam_size": 4}, "beam_size is for 'progressive', not for 'random'"),
        ({"algorithm": "ppo", "predictor": "mlp"}, "predictor is for 'progressive', not for 'ppo'"),
        ({"beam_size": 0}, "beam_size must be a positive integer"),
        ({"predictor": "gp"}, "predictor must be"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        config("study", **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trials": 2}, "progressive needs 3 trials at least with these settings, got trials=2"),
        ({"beam_size": 20}, "progressive needs 41 trials at least with these settings, got trials=30"),
        ({"num_blocks": 1}, "grow block by block"),
    ],
)
def test_a_search_that_cannot_reach_whole_cells_is_refused_before_it_begins(tmp_path, changes, message):
    with pytest.raises(SearchError, match=message):
        run(config(tmp_path / "study", **changes), evaluator=Worth())
    assert not (tmp_path / "study").exists()


def test_a_search_waits_for_levels_and_goes_on_after_a_kill(quickly, tmp_path, monkeypatch):
    asked, ask = [], Progressive.ask

    def noted(self, trial):
        asked.append((trial, len(self._told)))
        return ask(self, trial)

    monkeypatch.setattr(Progressive, "ask", noted)
    whole = run(config(tmp_path / "whole", window=6), evaluator=Worth())
    told = dict(asked)
    assert [told[trial] for trial in (9, 10, 12, 19, 20, 29)] == [4, 10, 10, 14, 20, 24]
    proposed = [trial.genotype for trial in whole.trials]
    study = tmp_path / "killed"
    run(config(study, window=6, trials=30), evaluator=Worth())
    lines = (study / "trials.jsonl").read_text().splitlines(keepends=True)
    for kept in (23, 11):
        (study / "trials.jsonl").write_text("".join(lines[:kept]))
        (study / "result.json").unlink()
        again = run(config(study, window=6), evaluator=Worth())
        assert [trial.genotype for trial in again.trials] == proposed
    assert again.result["notes"] == whole.result["notes"]


def test_notes_are_in_the_result_and_on_the_page(quickly, tmp_path):
    study = run(config(tmp_path / "study"), evaluator=Worth())
    ((title, rows),) = study.result["notes"].items()
    assert [(row["Blocks"], row["Children"]) for row in rows] == [(2, 10), (3, 10)]
    page = report(load_study(study.path))
    assert title in page and "What the algorithm learnt" in page
    assert re.findall(r'<th scope="row" class="number">(\d)</th><td class="number">10</td>', page) == ["2", "3"]
    more = run(config(tmp_path / "study", trials=40, beam_size=10), evaluator=Worth())
    assert len(next(iter(more.result["notes"].values()))) == 3
    plain = run(config(tmp_path / "random", algorithm="random"), evaluator=Worth())
    assert "notes" not in plain.result and "What the algorithm learnt" not in report(plain)


@pytest.mark.parametrize(
    "notes", [[], {"": 1}, {"a": []}, {"a": [{}]}, {"a": [{"b": []}]}, {"a": [{"b": 1}, {"c": 1}]}, {"a": [1]}, "text"]
)
def test_what_are_no_tables_is_refused(tmp_path, notes):
    assert not are_notes(notes)


def test_a_damaged_note_is_told(quickly, tmp_path):
    study = run(config(tmp_path / "study", trials=9), evaluator=Worth())
    path = study.path / "result.json"
    path.write_text(json.dumps({**study.result, "notes": [3]}))
    with pytest.raises(Exception, match="notes cannot be"):
        load_study(study.path).result  # noqa: B018


def test_a_soft_limit_begins_with_a_whole_cell(quickly, tmp_path):
    class Priced(Worth):
        def costs(self, genotype):
            return {"parameters": 1 + len(genotype.normal.blocks)}

    soft = {"limit": ("parameters=4",), "objective": "soft", "exchange": ("mnasnet",)}
    study = run(config(tmp_path / "study", **soft), evaluator=Priced())
    assert [len(trial.genotype.normal.blocks) for trial in study.trials] == [3] + [1] * 9 + [2] * 10 + [3] * 10


@pytest.mark.slow
@pytest.mark.parametrize("space", mostly_fuzz(["pnas", "nasnet"], ["nasnet"]))
def test_real_children_of_all_sizes_and_a_kill(space, tmp_path):
    command = [sys.executable, "-m", "nasnet_keras.search", f"--space={space}", f"--workdir={tmp_path / 's'}"]
    command += ["--algorithm=progressive", "--num_blocks=2", "--trials=9", "--random_trials=0", "--window=2"]
    command += ["--filters=2", "--epochs=1", "--train_images=128", "--finalists=1", "--final_epochs=1"]
    log = tmp_path / "s" / "trials.jsonl"
    killed = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while killed.poll() is None and not (log.exists() and log.read_bytes().count(b"\n") >= 5):
        time.sleep(0.1)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert 5 <= len(load_study(log.parent).trials) < 9
    subprocess.run(command, check=True, capture_output=True, timeout=1200)
    study, beam = load_study(log.parent), 3 if space == "nasnet" else 4
    algorithm = algorithms.make("progressive", make(space, num_blocks=2), 0, beam_size=beam)
    for trial in study.trials:  # as a search that was not killed would have proposed
        cell = algorithm.ask(trial.trial)
        assert algorithm.space.decode(cell) == trial.genotype and trial.status == "ok" and 0 < trial.reward <= 1
        algorithm.tell(cell, trial.reward)
    sizes = {(len(one.genotype.normal.blocks), len(one.genotype.reduction.blocks)) for one in study.trials}
    assert sizes == ({(1, 1), (2, 1), (2, 2)} if space == "nasnet" else {(1, 1), (2, 2)})
    assert study.result["notes"] == algorithm.notes() and "What the algorithm learnt" in report(study)

"""What the measurements of algorithms in tables share, `benchmarks/searches.py`: their figures go into the pages."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest

from nasnet_keras.search.algorithms.random import RandomSearch
from nasnet_keras.search.spaces.nasbench_macro import NASBenchMacroSpace

SPACE = NASBenchMacroSpace()
HEADER = [*SPACE.benchmark.keys, *(f"test_accuracy_seed_{seed}" for seed in range(3)), "parameters", "multiply_adds"]


@pytest.fixture(scope="module")
def searches():
    folder = str(Path(__file__).parent.parent / "benchmarks")
    sys.path.insert(0, folder)
    import searches

    sys.path.remove(folder)
    return searches


@pytest.fixture(scope="module")
def table(searches, tmp_path_factory):
    """All networks: the first training is at its best where the mean is not; ties in parameters."""
    path = tmp_path_factory.mktemp("macro") / "table.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(HEADER)
        for index in range(SPACE.size):
            name = np.base_repr(index, 3).zfill(8)
            rows.writerow([name, 80 + index / 1000, 80, 80 - index / 500, 1000 + index // 100, 1 + index])
    return searches.Table("nasbench_macro", path)


def test_a_setting_has_the_networks_within_its_limit(table):
    everything, half = table.setting(), table.setting("multiply_adds=50%")
    assert (everything.winner, half.winner) == ("22222222", SPACE.decode(SPACE.encode(half.winner)))
    assert (len(everything.rewards), len(half.rewards)) == (6561, 3281) and half.slowest == 6561
    assert everything.best == pytest.approx(86.56) and half.best == pytest.approx(83.28)
    assert everything.tests[everything.winner] == pytest.approx(80 - 6.56 / 3), "the mean of three"
    assert all(half.space.fits(half.space.sample(np.random.default_rng(seed))) for seed in range(20))


def test_the_largest_by_parameters_come_in_random_order_if_they_are_equal(table):
    setting = table.setting()
    first, second = setting.largest(0, 161), setting.largest(1, 161)
    assert first != second and set(first[:61]) == set(second[:61]) and set(first) == set(second)
    sizes = [setting.parameters[name] for name in first]
    assert sizes == sorted(sizes, reverse=True)


def test_a_search_proposes_as_in_a_study_of_that_window(searches, table):
    calls = []

    class Recorded(RandomSearch):
        def ask(self, trial):
            calls.append(("ask", trial))
            return super().ask(trial)

        def tell(self, choices, reward):
            calls.append(("tell", reward))

    setting = table.setting()
    found = searches.search(Recorded(setting.space, 0), setting, 5, window=3)
    rewards = [("tell", setting.rewards[one]) for one in found[:2]]
    assert calls == [("ask", 0), ("ask", 1), ("ask", 2), rewards[0], ("ask", 3), rewards[1], ("ask", 4)]


@pytest.mark.parametrize("window", [1, 3])
def test_a_search_may_end_with_the_best_network(searches, table, window):
    setting = table.setting()
    last = [setting.space.encode(name) for name in ("22222220", "22222221", setting.winner, "00000000")]

    class Listed(RandomSearch):
        def ask(self, trial):
            return last[trial % 4]

    found = [searches.search(Listed(setting.space, 0), setting, 6, window, until) for until in (setting.best, np.inf)]
    assert found[0] == found[1][:3] and found[0][-1] == setting.winner and len(found[1]) == 6


@pytest.mark.parametrize("name", ["random", "preferring", "evolution", "local"])
def test_runs_depend_on_their_seed_and_not_on_those_before(searches, table, name):
    settings = [table.setting(), table.setting("multiply_adds=20%")]
    todo = [(setting, seed) for seed in range(3) for setting in settings]
    found = {(setting.name, seed): names for setting, seed, names in searches.runs_of(name, todo, 70)}
    ((_, _, alone),) = searches.runs_of(name, todo[-1:], 70)
    assert found["multiply_adds=20%", 2] == alone != found["multiply_adds=20%", 1]
    assert all(one in settings[1].rewards for one in alone)


def test_a_measurement_that_was_stopped_goes_on(searches, tmp_path):
    path = tmp_path / "runs.jsonl"
    runs = searches.Runs(path, ("algorithm", "seed"))
    for seed, figure in ((0, 1.5), (1, 2.5), (0, 3.5)):
        runs.add({"algorithm": "local", "seed": seed, "figure": figure})
    again = searches.Runs(path, ("algorithm", "seed"))
    for one in (runs, again):
        assert [one.get("local", seed) and one.get("local", seed)["figure"] for seed in range(3)] == [3.5, 2.5, None]
    assert searches.Runs(None, ("seed",)).get(0) is None


def test_a_last_line_that_is_torn_is_measured_again(searches, tmp_path):
    path, run = tmp_path / "runs.jsonl", {"seed": 0, "figure": 1.5}
    searches.Runs(path, ("seed",)).add(run)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"seed": 1, "fig')
    runs = searches.Runs(path, ("seed",))
    assert runs.get(0) == run and runs.get(1) is None
    assert path.read_bytes() == whole + b'{"seed": 1, "fig', "reading changes nothing"
    runs.add({"seed": 1, "figure": 2.5})
    assert path.read_bytes().startswith(whole) and searches.Runs(path, ("seed",)).get(1)["figure"] == 2.5


@pytest.mark.parametrize("line", [b'{"seed": 0, "fig', b'{"figure": 1.5}', b"[1, 2]", b"\xff", b""])
def test_a_damaged_line_is_one_clear_error(searches, tmp_path, line):
    path = tmp_path / "runs.jsonl"
    path.write_bytes(b'{"seed": 0}\n' + line + b'\n{"seed": 2}\n')
    with pytest.raises(ValueError, match=r"runs.jsonl, line 2 is damaged: expected a run with seed"):
        searches.Runs(path, ("seed",))


def test_a_peer_that_is_not_installed_is_one_clear_error(searches, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(SystemExit, match="tpe needs Optuna.*pip install optuna"):
        searches.make("tpe", SPACE, 0)


def test_the_peer_learns(searches, table):
    pytest.importorskip("optuna", reason="Optuna is a peer of the benchmarks only")
    setting = table.setting()
    ((_, _, found), (_, _, again)) = searches.runs_of("tpe", [(setting, 0)] * 2, 60, window=2)
    assert found == again
    assert np.mean([setting.rewards[one] for one in found[40:]]) > 1 + np.mean(list(setting.rewards.values()))

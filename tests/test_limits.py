"""Limits of costs, and the objective under them."""

import dataclasses
import json
import math

import pytest

from nasnet_keras.search import SearchConfig
from nasnet_keras.search.costs.limits import Limit, Objective, checked_costs, exponent
from nasnet_keras.search.study.trial import Trial
from nasnet_keras.search.study.trial_log import read_trials

_TABLE = {"evaluator": "tabular", "space": "nasbench201", "table": "table.csv"}
_SOFT = {"objective": "soft"}
HARD = Objective.of(["latency_ms=5", "parameters=1e6"])
SOFT = Objective.of(["latency_ms=5"], "soft", ["latency_ms=0.02"])


def trial(costs, reward=0.5, status="ok"):
    return Trial(0, "cell", status, reward if status == "ok" else None, {}, 1.0, 0, costs)


@pytest.mark.parametrize("text", ["latency_ms=5", "pixel3_ms=0.125", "parameters=3000000"])
def test_a_limit_is_written_as_it_was_read(text):
    assert str(Limit.parse(text)) == text and Limit.parse(str(Limit.parse(text))) == Limit.parse(text)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"limit": "latency_ms"}, "limit must be the name of a cost and a number, such as latency_ms=5, got 'latency_"),
        ({"limit": "latency_ms=fast"}, "limit must be the name of a cost and a number"),
        ({"limit": "=5"}, "a limit needs the name of a cost, such as latency_ms, got ''"),
        ({"limit": "Latency=5"}, "a limit needs the name of a cost"),
        ({"limit": "latency_ms=0"}, "the limit of latency_ms must be a positive number, got 0.0"),
        ({"limit": "latency_ms=-1"}, "the limit of latency_ms must be a positive number, got -1.0"),
        ({"limit": "latency_ms=nan"}, "the limit of latency_ms must be a positive number, got nan"),
        ({"limit": "latency_ms=inf"}, "the limit of latency_ms must be a positive number, got inf"),
        ({"limit": [5]}, r"limit must be a list of limits, such as latency_ms=5, got \[5\]"),
        ({"limit": 5}, "limit must be a list of limits, such as latency_ms=5, got 5"),
        ({"limit": ["a=1", "b=2", "a=3"]}, "a cost has one limit, got a=1, a=3"),
        ({"objective": "firm"}, "objective must be hard or soft, .*, got 'firm'"),
        ({**_SOFT}, "objective=soft needs a limit, such as limit=latency_ms=5"),
        ({**_SOFT, "exchange": "mnasnet"}, "objective=soft needs a limit"),
        ({**_SOFT, "limit": ["a=1", "b=2"], "exchange": "a=0.1"}, "objective=soft needs an exchange rate of b"),
        ({"limit": "a=1", "exchange": "a=2"}, r"exchange=\['a=2'\] is for objective=soft, and the objective is hard"),
        ({"exchange": "mnasnet"}, "is for objective=soft"),
        ({"limit": "a=1", **_SOFT, "exchange": ["a=1", "a=2"]}, "a cost has one exchange rate, got two of a"),
        ({"limit": "a=1", **_SOFT, "exchange": ["mnasnet", "a=2"]}, "one exchange rate, got two of a: mnasn"),
        ({"limit": "a=1", **_SOFT, "exchange": ["a=1", "b=2"]}, "exchange=b=2 needs a limit of b"),
        ({"limit": "a=1", **_SOFT, "exchange": "a=0"}, "exchange rate of a must be a positive share, got 0"),
        ({"limit": "a=1", **_SOFT, "exchange": "a=nan"}, "exchange rate of a must be a positive share"),
        ({"limit": "a=1", **_SOFT, "exchange": "a"}, "exchange must be the name of a cost and a number"),
        ({"measure": ["No name"]}, "measure must be a list of names of costs"),
        ({"latency": "pixel.json", "latency_command": "adb"}, "by latency='pixel.json' or measured by latency_command"),
        ({**_TABLE, "latency": "pixel.json"}, "latency is for networks that are trained, not for 'tabular'"),
        ({"threads": 0}, "threads must be a positive integer, got 0"),
    ],
)
def test_settings_that_make_no_objective_are_refused(settings, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        SearchConfig(tmp_path / "study", **settings)
    assert not any(tmp_path.iterdir())


def test_equal_limits_are_one_identity(tmp_path):
    one, other = (SearchConfig(str(tmp_path), limit=limit) for limit in ("parameters=1e6", ["parameters=1000000.0"]))
    assert one == other and one.identity()["limit"] == ["parameters=1000000"]
    assert SearchConfig.from_json(json.loads(json.dumps(one.to_json()))) == one
    assert one.identity() != SearchConfig(str(tmp_path)).identity()


@pytest.mark.parametrize(
    ("costs", "excess"),
    [
        ({"latency_ms": 5.0, "parameters": 10**6}, 0.0),
        ({"latency_ms": 20.0, "parameters": 2 * 10**6}, 2.0),
        ({"latency_ms": 1.0, "parameters": 8 * 10**6}, 3.0),
        ({"latency_ms": 1.0}, math.inf),
        ({"latency_ms": math.nan, "parameters": 1}, math.inf),
        ({"latency_ms": None, "parameters": 1}, math.inf),
    ],
)
def test_the_excess_is_counted_in_doublings(costs, excess):
    assert HARD.excess(costs) == pytest.approx(excess) and HARD.within(costs) == (excess == 0)


def test_an_algorithm_is_told_a_child_over_the_limit_as_worse_than_all_within():
    told = [
        HARD.told(trial({"latency_ms": latency, "parameters": 1}, reward=0.0))
        for latency in (5.0, math.nextafter(5.0, 6.0), 5.1, 50.0, 5e9)
    ]
    assert told[0] == 0.0 and told == sorted(told, reverse=True) and len(set(told)) == 5 and told[-1] > -1
    assert HARD.told(trial({}, reward=0.9)) == -1.0, "of a device that cannot run it"
    assert HARD.told(trial({"latency_ms": 10.0, "parameters": 1}, status="over_limit")) == -0.5
    assert HARD.told(trial({"latency_ms": 1.0, "parameters": 1}, status="crashed")) is None


def test_the_hard_form_changes_no_reward_within_the_limit():
    assert HARD.told(trial({"latency_ms": 0.001, "parameters": 1}, reward=0.7)) == 0.7
    assert Objective().told(trial({}, reward=-3.0)) == -3.0, "without limits rewards have any scale"


def test_in_the_soft_form_twice_the_cost_is_worth_the_stated_share():
    one, twice = (SOFT.told(trial({"latency_ms": latency}, reward=0.5)) for latency in (5.0, 10.0))
    assert one == 0.5 and one / twice == pytest.approx(1.02)
    assert SOFT.told(trial({"latency_ms": 2.5}, reward=0.5)) == pytest.approx(0.51)
    assert SOFT.told(trial({}, reward=0.5)) == -1.0
    assert math.isfinite(SOFT.told(trial({"latency_ms": 0.0})))


def test_the_constant_of_the_paper_is_a_named_setting():
    objective = Objective.of(["latency_ms=75", "parameters=4e6"], "soft", ["mnasnet"])
    assert objective.exponents == {"latency_ms": -0.07, "parameters": -0.07}
    assert objective.reward(0.75, {"latency_ms": 150, "parameters": 4e6}) == pytest.approx(0.75 * 2**-0.07)
    assert exponent(2**0.07 - 1) == pytest.approx(-0.07)


@pytest.mark.parametrize("wrong", [None, [1], {"Name": 1}, {"a": "1"}, {"a": True}, {"a": -1.0}, {1: 2}])
def test_costs_of_other_code_are_checked(wrong):
    with pytest.raises(ValueError, match="mine must return"):
        checked_costs(wrong, "mine")


def test_costs_that_are_not_known_are_left_out():
    assert checked_costs({"a": 1, "b": math.nan, "c": None, "d": math.inf}, "mine") == {"a": 1}


def test_costs_of_trials_are_kept_and_read_from_older_lines():
    one = trial({"parameters": 12, "latency_ms": 1.5}, status="over_limit")
    assert Trial.from_line(one.to_line()) == one
    old = json.loads(Trial(0, "cell", "ok", 0.5, {"parameters": 7, "multiply_adds": 9, "loss": 1.0}, 1.0, 0).to_line())
    del old["costs"]
    assert Trial.from_line(json.dumps(old)).costs == {"parameters": 7, "multiply_adds": 9}
    for wrong in ([], {"a": None}, {"a": math.nan}, {"A": 1.0}):
        with pytest.raises(ValueError, match="costs must be finite numbers by name"):
            dataclasses.replace(one, costs=wrong)
    with pytest.raises(ValueError, match="whose status is 'over_limit' cannot have the reward 0.5"):
        Trial(0, "cell", "over_limit", 0.5, {}, 1.0, 0)


def test_a_reader_that_does_not_know_a_status_says_so_in_one_line(tmp_path):
    """As those before `over_limit` do."""
    line = trial({}, status="over_limit").to_line().replace("over_limit", "too_hot")
    (tmp_path / "trials.jsonl").write_text(line)
    with pytest.raises(ValueError, match="line 1 is damaged: status must be one of ok, .*, got 'too_hot'$") as told:
        read_trials(tmp_path / "trials.jsonl")
    assert "\n" not in str(told.value)

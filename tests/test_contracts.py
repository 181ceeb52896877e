"""The contract tests for classes of one's own fail for each rule that a class breaks."""

import itertools
import math
from collections import deque

import numpy as np
import pytest
from own_classes import OPERATIONS, Climbing, Pairs

from nasnet_keras.search import SearchConfig
from nasnet_keras.search.algorithms.evolution import RegularizedEvolution
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.evaluators.tabular import TabularEvaluator
from nasnet_keras.search.executors.base import Executor, Outcome, perform
from nasnet_keras.search.executors.inline import Inline
from nasnet_keras.search.spaces.base import Decision, Space
from nasnet_keras.search.spaces.nasbench201 import NASBench201Space
from nasnet_keras.search.testing import (
    ContractError,
    check_algorithm,
    check_evaluator,
    check_executor,
    check_space,
)
from nasnet_keras.search.testing.executors import Probe

SPACE = NASBench201Space(("none", "skip_connect", "nor_conv_3x3"))


def refuses(message):
    return pytest.raises(ContractError, match=message)


def pairs(**methods):
    return type("Broken", (Pairs,), methods)()


def test_a_space_of_ones_own():
    check_space(Pairs())


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ({"decisions": ()}, r"must be a tuple of Decision, got \(\)"),
        ({"decisions": (Decision("left", OPERATIONS),) * 2}, "must be unique"),
        ({"decode": lambda self, choices: 1 / 0}, "are legal, as .* it raised ZeroDivisionError"),
        ({"decode": lambda self, choices: tuple(self.pick(choices))}, "the package's or a string, got"),
        ({"encode": lambda self, genotype: (0, 0)}, "encode must undo decode, got .* from"),
        ({"encode": lambda self, genotype: [*Pairs.encode(self, genotype)]}, "encode must undo decode"),
        ({"decode": lambda self, choices: Pairs.decode(self, [c % 3 for c in choices][:2])}, "must raise a ValueError"),
        ({"pick": lambda self, choices: [OPERATIONS[c] for c in choices]}, "must raise a ValueError; it raised"),
        (
            {"encode": lambda self, one: self.find([e.operation for e in one.normal.blocks[0].edges])},
            "encode of another",
        ),
        ({"mutate": lambda self, choices, generator: choices}, "must change one decision"),
        (
            {"mutate": lambda self, choices, generator: Space.mutate(self, choices, np.random.default_rng())},
            "generator",
        ),
        ({"sample": lambda self, generator: Space.sample(self, np.random.default_rng())}, "on the generator only"),
        ({"at": lambda self, trial: NASBench201Space()}, r"at\(0\) must have the first decisions"),
    ],
)
def test_spaces_that_break_a_rule(methods, message):
    with refuses(message):
        check_space(pairs(**methods))


def test_a_space_whose_genotypes_change_when_they_are_read():
    class Mine(str):
        __slots__ = ()

        def __eq__(self, other):
            return isinstance(other, Mine) and str.__eq__(self, other)

        __hash__ = str.__hash__

    with refuses("must be the same when it is read again"):
        check_space(
            pairs(
                decode=lambda self, choices: Mine(" ".join(self.pick(choices))),
                encode=lambda self, genotype: self.find(genotype.split()),
            )
        )
    with refuses("expected a Space, got"):
        check_space(Pairs)


class Remembering(Climbing):
    """The same with a state."""

    def state(self):
        return {} if self.best is None else {"best": np.array(self.best), "reward": np.array(self.reward)}

    def restore(self, state):
        if state and set(state) != {"best", "reward"}:
            raise ValueError("another state")
        self.best, self.reward = None, -math.inf
        if state:
            self.best, self.reward = tuple(state["best"].tolist()), float(state["reward"])


def algorithm(kind, **methods):
    return type("Broken", (kind,), methods)


@pytest.mark.parametrize("kind", [Climbing, Remembering])
def test_an_algorithm_of_ones_own(kind):
    check_algorithm(kind, Pairs())
    check_algorithm(kind, SPACE)


class Counting(Climbing):
    asked = 0

    def ask(self, trial):
        self.asked += 1
        return (self.asked % 3,) * 6


class Global(Climbing):
    def ask(self, trial):
        return tuple(np.random.randint(0, 3, 6).tolist())


class Forgetting(Remembering):
    def state(self):
        return {"best": np.array(self.best or (0,) * 6)}

    def restore(self, state):
        if set(state) != {"best"}:
            raise ValueError("another state")
        self.best, self.reward = tuple(state["best"].tolist()), -math.inf


class Sharing(Remembering):
    """Gives out its own arrays."""

    def __init__(self, space, seed):
        super().__init__(space, seed)
        self.told = np.zeros(1)

    def ask(self, trial):
        return (int(self.told[0]) % 3,) * 6

    def tell(self, choices, reward):
        self.told += 1

    def state(self):
        return {"told": self.told}

    def restore(self, state):
        self.told = state["told"]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (lambda space, seed: object(), "expected an Algorithm, got"),
        (lambda space, seed: Climbing(space, 7), "space and seed must be those"),
        (algorithm(Climbing, ask=lambda self, trial: [0] * 6), "must return a tuple of ints"),
        (algorithm(Climbing, ask=lambda self, trial: (np.int64(0),) * 6), "must return a tuple of ints"),
        (algorithm(Climbing, ask=lambda self, trial: (3,) * 6), r"ask\(0\) must be legal .* from 0 to 2, got 3"),
        (algorithm(Climbing, ask=lambda self, trial: (0,) * 5), r"ask\(0\) must be legal"),
        (Counting, "asking must change nothing"),
        (Global, "asking must change nothing"),
        (
            algorithm(Climbing, tell=lambda self, choices, reward: reward > 0),
            r"tell must take the result of trial \d; it raised TypeError",
        ),
        (algorithm(Climbing, state=lambda self: {"best": list(range(3))}), "must return arrays by name"),
        (algorithm(Climbing, state=lambda self: {"best": np.array([object()])}), "arrays of a state must be numbers"),
        (algorithm(Climbing, state=lambda self: {"best": np.zeros(1)}), "restore must take what state returned"),
        (algorithm(Climbing, awaits=lambda self, trial: trial + 1), r"awaits\(0\) must be a number of earlier trials"),
        (algorithm(Climbing, least_trials=0), "least_trials must be a positive int, got 0"),
        (algorithm(Climbing, notes=lambda self: {"steps": 3}), "notes must return tables by their titles"),
        (algorithm(Climbing, notes=lambda self: {"a": [{"b": np.random.rand()}]}), "taking notes must change nothing"),
        (Forgetting, "after .* trials, it must propose what it did before"),
        (Sharing, "restore of another state must raise a ValueError|must have the same state"),
        (algorithm(Climbing, restore=lambda self, state: None), "restore of another state must raise a ValueError"),
        (algorithm(Remembering, draw=lambda self, count, generator: np.zeros((count, 2))), "draw must give an array"),
        (algorithm(Climbing, draw=lambda self, count, generator: np.full((count, 6), 9)), "draw must give legal"),
        (
            algorithm(Climbing, draw=lambda self, count, _: np.random.default_rng().integers(0, 3, (count, 6))),
            "draw must depend on the generator only",
        ),
    ],
)
def test_algorithms_that_break_a_rule(kind, message):
    with refuses(message):
        check_algorithm(kind, SPACE)


def test_a_state_that_raises_may_not_be_taken_over():
    class Half(RegularizedEvolution):
        def restore(self, state):
            self._population.clear()
            super().restore(state)

    with refuses("must leave the algorithm as it was"):
        check_algorithm(lambda space, seed: Half(space, seed, population_size=3), SPACE)


class Shortest(Evaluator):
    """The fewer letters, the better."""

    def evaluate(self, genotype, seed):
        return -len(genotype), {"letters": len(genotype)}

    def finish(self, genotype, seed, folder):
        (folder / "letters").write_text(genotype)
        return self.evaluate(genotype, seed)

    def publish(self, folder, path):
        (path / "winner").write_text((folder / "letters").read_text())
        return {"model": "winner"}


def evaluator(**methods):
    return type("Broken", (Shortest,), methods)


def counted(self, genotype, seed):
    self.children = getattr(self, "children", 0) + 1
    return self.children, {}


def test_an_evaluator_of_ones_own():
    check_evaluator(Shortest, SPACE)


def test_a_table_keeps_the_contract(tmp_path):
    space, table = NASBench201Space(("none", "skip_connect")), tmp_path / "table.csv"
    cells = [space.decode(choices) for choices in itertools.product((0, 1), repeat=6)]
    lines = [f"{cell},{number},90" for number, cell in enumerate(cells)]
    table.write_text("\n".join(["cell,validation_accuracy_12_epochs,test_accuracy_200_epochs", *lines, ""]))
    config = SearchConfig("unused", space="nasbench201", evaluator="tabular", table=table)
    check_evaluator(lambda: TabularEvaluator(config), space)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (object, "expected an Evaluator"),
        (evaluator(children_per_process=0), "children_per_process must be 1 or more, got 0"),
        (evaluator(children_per_process=2.5), "children_per_process must be 1 or more, got 2.5"),
        (evaluator(facts=lambda self: 3), "facts must be a dictionary"),
        (evaluator(facts=lambda self: {"data": object()}), "facts must be a dictionary of JSON"),
        (evaluator(facts=lambda self: {"data": id(self)}), "facts must be the same for the same data"),
        (evaluator(get_config=lambda self: {"rate": 1}), "must be what from_config takes; it raised TypeError"),
        (evaluator(get_config=lambda self: [1]), "must return JSON values by name"),
        (evaluator(accept=lambda self, space: space.nothing), "must accept the space; it raised AttributeError"),
        (evaluator(evaluate=lambda self, genotype, seed: 0.5), "returns a number and a dictionary of metrics, got 0.5"),
        (evaluator(evaluate=lambda self, genotype, seed: (True, {})), "returns a number and a dictionary"),
        (evaluator(evaluate=lambda self, genotype, seed: ("1", {})), "returns a number and a dictionary"),
        (evaluator(evaluate=lambda self, genotype, seed: (math.nan, {})), "the reward is nan"),
        (evaluator(evaluate=lambda self, genotype, seed: (1, {"a": {1}})), "not JSON serializable"),
        (evaluator(evaluate=lambda self, genotype, seed: (1, {"epochs": "two"})), "epochs cannot be 'two'"),
        (evaluator(evaluate=lambda self, genotype, seed: 1 / 0), "no genotype could be judged: ZeroDivisionError"),
        (evaluator(evaluate=counted), "depends on its genotype and seed only"),
        (evaluator(finish=lambda self, genotype, seed, folder: 1 / 0), "must judge what evaluate did"),
        (evaluator(publish=lambda self, folder, path: None), "must return names of files"),
        (evaluator(publish=lambda self, folder, path: {"model": "x.keras"}), "must copy the files that it names"),
    ],
)
def test_evaluators_that_break_a_rule(make, message):
    with refuses(message):
        check_evaluator(make, SPACE)


class Queue(Executor):
    """Tasks in this process, two at once."""

    capacity = 2

    def start(self, evaluator, folder):
        self.evaluator, self.tasks = evaluator, deque()

    def submit(self, task):
        self.tasks.append(task)

    def wait(self, timeout_seconds):
        return perform(self.evaluator, self.tasks.popleft()) if self.tasks else None

    def close(self):
        self.tasks = deque()


def executor(**methods):
    return type("Broken", (Queue,), methods)


def changed(**values):
    """A `wait` whose outcomes have other values."""

    def wait(self, timeout_seconds):
        outcome = Queue.wait(self, timeout_seconds)
        return outcome and Outcome(**{**vars(outcome), **values})

    return wait


def twice(self, task):
    self.tasks.extend([task, task])


def test_an_executor_of_ones_own():
    check_executor(Queue)
    check_executor(lambda: Inline(SearchConfig("unused", executor="inline")))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (executor(capacity=0), "capacity must be 1 or more, got 0"),
        (executor(wait=lambda self, seconds: perform(Probe(), None)), "while nothing is under way|NoneType"),
        (executor(wait=lambda self, seconds: Outcome), "must return None while nothing"),
        (executor(wait=changed(reward=0.25, status="ok")), "an outcome must be what the evaluator gives"),
        (executor(wait=changed(metrics={})), "an outcome must be what the evaluator gives"),
        (executor(wait=lambda self, seconds: None), "must return an outcome, however a task ends"),
        (executor(submit=twice), "each task must have one outcome"),
    ],
)
def test_executors_that_break_a_rule(make, message):
    with refuses(message):
        check_executor(make, seconds=0.2)


def test_a_task_must_be_finished_in_its_folder():
    class Elsewhere(Queue):
        def start(self, evaluator, folder):
            class Idle(Probe):
                def finish(self, genotype, seed, folder):
                    return self.evaluate(genotype, seed)

            super().start(Idle(), folder)

    with refuses("must be finished in it"):
        check_executor(Elsewhere)

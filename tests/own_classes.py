"""Classes as a user has them in a module of their own, which workers import."""

import math
import os
from dataclasses import dataclass

from nasnet_keras import Block, Cell, Edge, Genotype
from nasnet_keras.latency.errors import MachineBusy
from nasnet_keras.search import Algorithm, Decision, Evaluator, Space

OPERATIONS = ("identity", "sep_conv_3x3", "max_pool_3x3")


class Pairs(Space):
    """One block, two operations."""

    decisions = (Decision("left", OPERATIONS), Decision("right", OPERATIONS))

    def decode(self, choices):
        left, right = self.pick(choices)
        cell = Cell([Block(Edge(left, "current"), Edge(right, "previous"))], ["block_0"])
        return Genotype(cell, cell)

    def encode(self, genotype):
        if not isinstance(genotype, Genotype) or len(genotype.normal.blocks) != 1:
            raise ValueError("another genotype")
        return self.find([edge.operation for edge in genotype.normal.blocks[0].edges])


class Climbing(Algorithm):
    """Mutates the best."""

    def __init__(self, space, seed):
        super().__init__(space, seed)
        self.best, self.reward = None, -math.inf

    def ask(self, trial):
        generator = self.generator(trial)
        return self.space.sample(generator) if self.best is None else self.space.mutate(self.best, generator)

    def tell(self, choices, reward):
        if reward is not None and reward > self.reward:
            self.best, self.reward = choices, reward


class Slow(Climbing):
    """Another class."""


class Judge(Evaluator):
    """Made from values of its own."""

    def __init__(self, scale=1.0):
        self.scale = scale

    def get_config(self):
        return {"scale": self.scale}

    def evaluate(self, genotype, seed):
        operations = [edge.operation for edge in genotype.normal.blocks[0].edges]
        total = sum(map(OPERATIONS.index, operations))
        return self.scale * total, {"pid": os.getpid(), "sum": total}

    def finish(self, genotype, seed, folder):
        return self.evaluate(genotype, seed)


class FromSearch(Judge):
    """Made from the configuration of the search, as the package's evaluators are."""

    get_config = property()  # it has none

    def __init__(self, config):
        super().__init__(config.filters)


class Unmakeable(Judge):
    """Says nothing of what it is made with."""

    get_config = property()

    def __init__(self, scale, offset):
        super().__init__(scale + offset)


class Plain(Judge):
    """Made with a value that has a default, of which it says nothing."""

    get_config = property()


class Alone(Evaluator):
    """Made with nothing."""

    def evaluate(self, genotype, seed):
        return 1.0, {"pid": os.getpid()}

    def finish(self, genotype, seed, folder):
        return self.evaluate(genotype, seed)


@dataclass
class Weighted(Judge):
    """A dataclass whose fields are no JSON."""

    get_config = property()
    scale: complex = 1j


class Priced(Judge):
    """Knows a cost at once: ten times the reward, and one."""

    def costs(self, genotype):
        operations = [edge.operation for edge in genotype.normal.blocks[0].edges]
        return {"parameters": 10 * sum(map(OPERATIONS.index, operations)) + 1}


class Measured(Priced):
    """Measures a latency, which is the number of parameters in another unit."""

    measures = ("latency_ms",)

    def __init__(self, scale=1.0, broken=None, busy=0):
        super().__init__(scale)
        self.broken, self.busy, self.calls = broken, busy, []

    @staticmethod
    def latency(genotype):
        return Priced().costs(genotype)["parameters"] / 10

    def evaluate(self, genotype, seed):
        self.calls.append(("evaluate", genotype))
        return super().evaluate(genotype, seed)

    def measure(self, genotype, seed):
        self.calls.append(("measure", genotype))
        if self.broken is not None and Pairs().encode(genotype) == self.broken:
            raise OSError("no device")
        if seed == 0 and self.busy:
            self.busy -= 1
            raise MachineBusy("another job runs")
        return {"latency_ms": self.latency(genotype)}

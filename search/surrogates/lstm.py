"""PNAS' ensemble of LSTMs."""

from typing import Any, NamedTuple

import numpy as np

from nasnet_keras.search.surrogates.ensemble import MEMBERS, SIZE, Arrays, Ensemble, glorot
from nasnet_keras.search.surrogates.tokens import Tokens

__all__ = ["LSTMEnsemble"]

_GATES = np.repeat(np.array([0.5, 0.5, 1.0, 0.5], np.float32), SIZE)  # a sigmoid is a hyperbolic tangent of the half


class _Step(NamedTuple):
    """The different beginnings of rows up to one choice: nodes of a tree."""

    parents: np.ndarray  # numbers of nodes of the step before, ascending
    choices: np.ndarray  # the last choices, as numbers in all tables together


class _Tree(NamedTuple):
    steps: list[_Step]
    ends: np.ndarray  # the node, counted over all steps, at which each row ends


class LSTMEnsemble(Ensemble):
    """Reads the choices of a cell one after another; the last state tells the reward.

    Rows with equal beginnings share the states of these, so that the cells that follow from a beam, each by a block
    more, cost little more than their last choices.

    Args:
        tokens, seed, steps, learning_rate: see `Ensemble`. The paper has rates of 0.01 and later 0.002, and does not
            say how many steps.

    Example:
        >>> tokens = Tokens(tables=(0, 0, 1, 1), sizes=(2, 8), blocks=1)
        >>> surrogate = LSTMEnsemble(tokens, seed=0).fit([[0, 1, 0, 0], [0, 1, 7, 7]], [0.2, 0.9])
        >>> surrogate.predict([[0, 1, 0, 0], [0, 1, 7, 7]]).mean.round(1)
        array([0.2, 0.9])
    """

    def __init__(self, tokens: Tokens, seed: int, steps: int = 60, learning_rate: float = 0.01) -> None:
        super().__init__(tokens, seed, steps, learning_rate)

    def layers(self, generator: np.random.Generator) -> Arrays:
        orthogonal = np.linalg.qr(generator.normal(size=(4, MEMBERS, SIZE, SIZE)))[0]
        forget = np.repeat([0.0, 1.0, 0.0, 0.0], SIZE)
        return {
            "entry": glorot(generator, SIZE, 4 * SIZE),
            "recurrent": np.concatenate(orthogonal, axis=2),
            "gates": np.tile(forget, (MEMBERS, 1, 1)),
            "last": glorot(generator, SIZE, 1),
        }

    def inputs(self, choices: np.ndarray) -> _Tree:
        starts = np.cumsum([0, *self.tokens.sizes])
        count = starts[-1]
        numbers = np.where(choices < 0, -1, choices + starts[list(self.tokens.tables)]).reshape(len(choices), -1)
        node, ends, steps, nodes = np.zeros(len(choices), np.int64), np.zeros(len(choices), np.int64), [], 0
        for number in numbers.T:
            going = number >= 0
            if not going.any():
                break
            keys, found = np.unique(node[going] * count + number[going], return_inverse=True)
            steps.append(_Step(*np.divmod(keys, count)))
            node[going] = found
            ends[going] = nodes + found
            nodes += len(keys)
        return _Tree(steps, ends)

    def outputs(self, weights: Arrays, inputs: _Tree) -> tuple[np.ndarray, Any]:
        tables = np.concatenate([weights[f"table_{number}"] for number in range(len(self.tokens.sizes))], axis=1)
        entries = tables @ weights["entry"] + weights["gates"]
        hidden = cell = np.zeros((MEMBERS, 1, SIZE), np.float32)
        states, kept = [], []
        for step in inputs.steps:
            gates = np.take(hidden @ weights["recurrent"], step.parents, axis=1)
            gates += entries[:, step.choices]
            gates *= _GATES
            np.tanh(gates, out=gates)
            opened, forget, new, shown = np.split(gates, 4, axis=2)
            for gate in (opened, forget, shown):
                gate += 1
                gate *= 0.5
            before = hidden, np.take(cell, step.parents, axis=1)
            cell = forget * before[1] + opened * new
            bounded = np.tanh(cell)
            hidden = shown * bounded
            states.append(hidden)
            kept.append((step, *before, gates, bounded))
        found = (np.concatenate(states, axis=1) @ weights["last"])[:, :, 0] + weights["bias"]
        return found[:, inputs.ends], (inputs.ends, tables, states, kept)

    def gradients(self, weights: Arrays, kept: Any, errors: np.ndarray) -> Arrays:
        ends, tables, states, steps = kept
        count, sizes = tables.shape[1], [state.shape[1] for state in states]
        of_nodes = np.zeros((sum(sizes), MEMBERS), np.float32)
        np.add.at(of_nodes, ends, errors.T)
        of_nodes = of_nodes.T[:, :, None]
        found = {"bias": errors.sum(axis=1, keepdims=True)}
        found["last"] = np.concatenate(states, axis=1).swapaxes(1, 2) @ of_nodes
        found["recurrent"] = np.zeros_like(weights["recurrent"])
        of_entries = np.zeros((MEMBERS, count, 4 * SIZE), np.float32)
        parts = np.split(of_nodes * weights["last"].swapaxes(1, 2), np.cumsum(sizes)[:-1], axis=1)
        of_cell: Any = 0
        of_hidden: Any = 0
        for (step, hidden, cell, gates, bounded), part in zip(reversed(steps), reversed(parts), strict=True):
            of_gates, of_before = _through_cell(of_hidden + part, of_cell, cell, gates, bounded)
            of_entries += (step.choices == np.arange(count)[:, None]).astype(np.float32) @ of_gates
            of_parents = _sums(of_gates, step.parents, hidden.shape[1])
            found["recurrent"] += hidden.swapaxes(1, 2) @ of_parents
            of_hidden = of_parents @ weights["recurrent"].swapaxes(1, 2)
            of_cell = _sums(of_before, step.parents, hidden.shape[1])
        found["gates"] = of_entries.sum(axis=1, keepdims=True)
        found["entry"] = tables.swapaxes(1, 2) @ of_entries
        of_tables = of_entries @ weights["entry"].swapaxes(1, 2)
        parts = np.split(of_tables, np.cumsum(self.tokens.sizes)[:-1], axis=1)
        return found | {f"table_{number}": part for number, part in enumerate(parts)}


def _through_cell(
    of_hidden: np.ndarray, of_cell: np.ndarray, before: np.ndarray, gates: np.ndarray, bounded: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The gradients by the gates before their functions, and by the cell's state before."""
    opened, forget, new, shown = np.split(gates, 4, axis=2)
    of_cell = of_cell + of_hidden * shown * (1 - bounded * bounded)
    of_gates = np.concatenate(
        [
            of_cell * new * opened * (1 - opened),
            of_cell * before * forget * (1 - forget),
            of_cell * opened * (1 - new * new),
            of_hidden * bounded * shown * (1 - shown),
        ],
        axis=2,
    )
    return of_gates, of_cell * forget


def _sums(values: np.ndarray, parents: np.ndarray, nodes: int) -> np.ndarray:
    """The sums of the values of the children of each node; the parents ascend."""
    firsts = np.flatnonzero(np.diff(parents, prepend=-1))
    found = np.zeros((values.shape[0], nodes, values.shape[2]), np.float32)
    found[:, parents[firsts]] = np.add.reduceat(values, firsts, axis=1)
    return found

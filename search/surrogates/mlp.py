"""PNAS' ensemble of MLPs."""

from typing import Any

import numpy as np

from nasnet_keras.search.surrogates.ensemble import MEMBERS, SIZE, Arrays, Ensemble, glorot
from nasnet_keras.search.surrogates.tokens import Tokens

__all__ = ["MLPEnsemble"]


class MLPEnsemble(Ensemble):
    """Reads cells as the means of their blocks, whose choices are embedded, through two layers of rectified units.

    The first layer reads the embedded choices of a block side by side, and a mean of blocks passes through it as the
    share of a cell's blocks that make each choice. So a row costs as much as its choices are many, and 300,000 rows
    take seconds.

    Args:
        tokens, seed, steps, learning_rate: see `Ensemble`. The paper has rates of 0.01 and later 0.002, and does not
            say how many steps.

    Example:
        >>> tokens = Tokens(tables=(0, 0, 1, 1), sizes=(2, 8), blocks=1)
        >>> surrogate = MLPEnsemble(tokens, seed=0).fit([[0, 1, 0, 0], [0, 1, 7, 7]], [0.2, 0.9])
        >>> surrogate.predict([[0, 1, 0, 0], [0, 1, 7, 7]]).mean.round(1)
        array([0.2, 0.9])
    """

    def __init__(self, tokens: Tokens, seed: int, steps: int = 100, learning_rate: float = 0.01) -> None:
        super().__init__(tokens, seed, steps, learning_rate)

    def layers(self, generator: np.random.Generator) -> Arrays:
        slots = len(self.tokens.tables)
        return {
            "first": glorot(generator, slots * SIZE, SIZE).reshape(MEMBERS, slots, SIZE, SIZE),
            "first_bias": np.zeros((MEMBERS, 1, SIZE)),
            "second": glorot(generator, SIZE, SIZE),
            "second_bias": np.zeros((MEMBERS, 1, SIZE)),
            "last": glorot(generator, SIZE, 1),
        }

    def inputs(self, choices: np.ndarray) -> np.ndarray:
        """The share of the blocks of each cell that make each choice, of shape (rows, choices of all decisions)."""
        shares = []
        for slot, table in enumerate(self.tokens.tables):
            made = choices[:, :, slot]
            chosen = (made[:, :, None] == np.arange(self.tokens.sizes[table])).sum(axis=1)
            shares.append(chosen / (made >= 0).sum(axis=1, keepdims=True))
        return np.concatenate(shares, axis=1).astype(np.float32)

    def outputs(self, weights: Arrays, inputs: np.ndarray) -> tuple[np.ndarray, Any]:
        read = [weights[f"table_{table}"] @ weights["first"][:, slot] for slot, table in enumerate(self.tokens.tables)]
        first = np.maximum(inputs @ np.concatenate(read, axis=1) + weights["first_bias"], 0)
        second = np.maximum(first @ weights["second"] + weights["second_bias"], 0)
        return (second @ weights["last"])[:, :, 0] + weights["bias"], (inputs, first, second)

    def gradients(self, weights: Arrays, kept: Any, errors: np.ndarray) -> Arrays:
        inputs, first, second = kept
        found = {"bias": errors.sum(axis=1, keepdims=True), "last": _swapped(second) @ errors[:, :, None]}
        of_second = errors[:, :, None] * _swapped(weights["last"]) * (second > 0)
        found["second"] = _swapped(first) @ of_second
        found["second_bias"] = of_second.sum(axis=1, keepdims=True)
        of_first = of_second @ _swapped(weights["second"]) * (first > 0)
        found["first_bias"] = of_first.sum(axis=1, keepdims=True)
        found["first"] = np.empty_like(weights["first"])
        ends = np.cumsum([self.tokens.sizes[table] for table in self.tokens.tables])
        parts = np.split(inputs.T @ of_first, ends[:-1], axis=1)
        for slot, (table, part) in enumerate(zip(self.tokens.tables, parts, strict=True)):
            name = f"table_{table}"
            found["first"][:, slot] = _swapped(weights[name]) @ part
            found[name] = found.get(name, 0) + part @ _swapped(weights["first"][:, slot])
        return found


def _swapped(matrices: np.ndarray) -> np.ndarray:
    return matrices.swapaxes(1, 2)

"""Damage of every kind, from a seed: a reader answers it with its documented error, or reads what is still whole."""

import copy
import json
from typing import Any

import numpy as np
import pytest

VALUES = (
    None, True, False, 0, 1, -1, 2**31, 2**63, 10**400, 0.5, -0.0, 1e308, float("nan"), float("inf"),
    "", "0", "a" * 5000, "<b>&amp;</b>", "\x00", "\udcff", "../../etc", "é\u0301", [], {}, [[]], [None], {"": None},
    [0] * 1000,
)  # fmt: skip
_DEEP = 2000


def rounds(short: int, long: int) -> pytest.MarkDecorator:
    """Parametrize a campaign's argument `seeds`: a short one for every run, a long one for `pytest -m fuzz`."""
    campaigns = [range(short), pytest.param(range(short, long), marks=pytest.mark.fuzz)]
    return pytest.mark.parametrize("seeds", campaigns, ids=("short", "long"))


def damaged_json(plain: Any, seed: int) -> str:
    """JSON text of `plain` with one to three values replaced, removed, doubled or nested, or with damaged letters."""
    generator = np.random.default_rng(seed)
    if generator.random() < 0.2:
        return damaged_bytes(json.dumps(plain).encode(), seed).decode(errors="surrogateescape")
    deep = "@deep@"
    changed = json.loads(json.dumps(plain))
    for _ in range(generator.integers(1, 4)):
        changed = _changed(changed, generator, deep)
    return json.dumps(changed).replace(json.dumps(deep), "[" * _DEEP + "]" * _DEEP)


def damaged_bytes(data: bytes, seed: int) -> bytes:
    """`data` cut off, with bytes changed, a part of it left out, moved or put in twice."""
    generator = np.random.default_rng(seed)
    kind, size = generator.integers(5), len(data)
    start, end = sorted(generator.integers(0, size + 1, 2).tolist())
    if kind == 0:
        return data[:end]
    if kind == 1:
        return data[:start] + data[end:]
    if kind == 2:
        return data[:end] + data[start:]
    damaged = bytearray(data)
    for _ in range(generator.integers(1, 9)):
        place = int(generator.integers(size))
        damaged[place] = generator.integers(256) if kind == 3 else damaged[place] ^ (1 << generator.integers(8))
    return bytes(damaged)


def _places(plain: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values within a JSON value."""
    inside = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()
    return [path, *(place for key, value in inside for place in _places(value, (*path, key)))]


def _changed(plain: Any, generator: np.random.Generator, deep: str) -> Any:
    places = _places(plain)
    *path, key = places[generator.integers(len(places))] or (None,)
    if key is None:
        return _any(generator)
    parent = plain
    for step in path:
        parent = parent[step]
    kind = generator.integers(6)
    if kind == 0:
        del parent[key]
    elif kind == 1:
        parent[key] = [parent[key]]
    elif kind == 2:
        parent[key] = deep
    elif kind == 3 and isinstance(parent, list):
        parent.insert(key, parent[key])
    elif kind == 3:
        parent[f"{key}_"] = parent[key]
    else:
        parent[key] = _any(generator)
    return plain


def _any(generator: np.random.Generator) -> Any:
    return copy.deepcopy(VALUES[generator.integers(len(VALUES))])

"""Latency predictors as small JSON files, read strictly."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from nasnet_keras.latency.accuracy import Accuracy
from nasnet_keras.latency.device import Device
from nasnet_keras.latency.errors import LatencyError
from nasnet_keras.latency.operations import TARGETS
from nasnet_keras.latency.predictor import LatencyPredictor
from nasnet_keras.latency.regression import Regression
from nasnet_keras.utils.checks import finite, integer, quoted
from nasnet_keras.utils.files import write_text
from nasnet_keras.utils.json_text import parse, text_of

__all__ = ["FORMAT", "VERSION", "read_predictor", "write_predictor"]

FORMAT = "nasnet_keras.latency_predictor"
VERSION = 2  # 1 had no tile
_DIGITS = 6
_MOST = 1e9  # of any figure, which larger ones would make infinite in a sum
_OTHERS = ("genotype", "input_shape", "runtime")  # arguments that predictors give themselves


def write_predictor(predictor: LatencyPredictor, path: str | Path) -> None:
    """Write a predictor to a file, which replaces another one.

    Args:
        predictor: the predictor.
        path: of the file.

    Raises:
        OSError: the file cannot be written.

    Example:
        >>> fit = Regression(1.0, 1.0, np.ones(1), np.eye(1), 0.05)
        >>> facts = ((16, 16, 3), {"filters": 4}, 12, Accuracy(12, 0.1, 0.2, 0.9), (1.0, 2.0), ("add.bytes",), fit)
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "laptop.json"
        >>> write_predictor(LatencyPredictor(Device("litert"), "nasnet", *facts), path)
        >>> read_predictor(path).range_ms
        (1.0, 2.0)
    """
    fit = predictor.regression
    lower = [[_rounded(value) for value in row[: index + 1]] for index, row in enumerate(fit.covariance)]
    plain = {
        "format": FORMAT,
        "version": VERSION,
        "device": predictor.device.to_json(),
        "space": predictor.space,
        "input_shape": list(predictor.input_shape),
        "network": dict(predictor.network),
        "networks": predictor.networks,
        "held_out": dataclasses.asdict(predictor.held_out),
        "range_ms": list(predictor.range_ms),
        "tile": predictor.tile,
        "fit": {"scale": fit.scale, "spread": fit.spread, "noise": fit.noise},
        "coefficients": dict(zip(predictor.names, map(_rounded, fit.coefficients), strict=True)),
        "covariance": lower,
    }
    write_text(Path(path), json.dumps(plain) + "\n")


def read_predictor(path: str | Path) -> LatencyPredictor:
    """Read a predictor that `write_predictor` wrote.

    Args:
        path: of the file.

    Returns:
        The predictor, whose figures are rounded to six digits.

    Raises:
        LatencyError: the file is missing, damaged, of a later version, or no predictor; the error says what is wrong.
    """
    try:
        plain = parse(text_of(Path(path)))
        _require(isinstance(plain, dict) and plain.get("format") == FORMAT, f"it is no {FORMAT}")
        version = plain.get("version")
        _require(
            type(version) is int and 1 <= version <= VERSION, f"it has version {quoted(version)}, expected {VERSION}"
        )
        return _predictor({"tile": 1, **plain} if version == 1 else plain)
    except (OSError, ValueError) as error:
        raise LatencyError(f"{path} holds no latency predictor that can be read: {error}") from None


def _predictor(plain: dict[str, Any]) -> LatencyPredictor:
    coefficients = _object(plain, "coefficients")
    _require(bool(coefficients), "it has no coefficients")
    values = np.array([_number(coefficients, name, 0.0) for name in coefficients])
    fit = _object(plain, "fit")
    scale, spread, noise = (_number(fit, name, 0.0, above=True) for name in ("scale", "spread", "noise"))
    return LatencyPredictor(
        _device(plain.get("device")),
        _text(plain, "space"),
        tuple(_sizes(plain, "input_shape", 3)),
        _network(plain),
        _whole(plain, "networks"),
        _accuracy(_object(plain, "held_out")),
        _range(plain),
        tuple(coefficients),
        Regression(scale, spread, values, _covariance(plain.get("covariance"), len(values)), noise),
        _whole(plain, "tile"),
    )


def _device(plain: Any) -> Device:
    device = Device.from_json(plain)
    _require(device.runtime in TARGETS, f"runtime must be one of {', '.join(TARGETS)}, got {quoted(device.runtime)}")
    return device


def _network(plain: dict[str, Any]) -> dict[str, Any]:
    """The arguments of the measured networks, of which only those know what is legal that build them."""
    found = _object(plain, "network")
    for name, value in found.items():
        plainly = value is None or isinstance(value, (bool, str)) or finite(value)
        _require(plainly and name.isidentifier() and name not in _OTHERS, f"network holds {quoted({name: value})}")
    return found


def _accuracy(plain: dict[str, Any]) -> Accuracy:
    errors = (_number(plain, name, 0.0) for name in ("median_error", "ninety_percent_error"))
    return Accuracy(_whole(plain, "networks"), *errors, _number(plain, "kendall_tau", -1.0))


def _range(plain: dict[str, Any]) -> tuple[float, float]:
    found = plain.get("range_ms")
    legal = isinstance(found, list) and len(found) == 2 and all(map(finite, found)) and 0 < found[0] <= found[1]
    _require(legal, f"range_ms must be two latencies, got {quoted(found)}")
    return float(found[0]), float(found[1])


def _covariance(rows: Any, size: int) -> np.ndarray:
    """The matrix of its lower half."""
    legal = isinstance(rows, list) and [len(row) for row in rows if isinstance(row, list)] == [*range(1, size + 1)]
    _require(
        legal and all(finite(value) and abs(value) <= _MOST for row in rows for value in row),
        "its covariance is damaged",
    )
    lower = np.zeros((size, size))
    for index, row in enumerate(rows):
        lower[index, : index + 1] = row
    whole = lower + np.tril(lower, -1).T
    _require(np.linalg.eigvalsh(whole).min() > -1e-6 * np.trace(whole), "its covariance is damaged")
    return whole


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise ValueError(problem)


def _object(plain: dict[str, Any], name: str) -> dict[str, Any]:
    _require(isinstance(plain.get(name), dict), f"{name} must be an object, got {quoted(plain.get(name))}")
    return plain[name]


def _text(plain: dict[str, Any], name: str) -> str:
    _require(isinstance(plain.get(name), str), f"{name} must be a text, got {quoted(plain.get(name))}")
    return plain[name]


def _whole(plain: dict[str, Any], name: str) -> int:
    found = integer(plain.get(name))
    _require(found is not None and found > 0, f"{name} must be a positive integer, got {quoted(plain.get(name))}")
    return found


def _number(plain: dict[str, Any], name: str, least: float, above: bool = False) -> float:
    found = plain.get(name)
    legal = finite(found) and (found > least if above else found >= least) and found <= _MOST
    kind = f"{'above' if above else 'from'} {least:g} to {_MOST:g}"
    _require(legal, f"{name} must be a number {kind}, got {quoted(found)}")
    return float(found)


def _sizes(plain: dict[str, Any], name: str, count: int) -> list[int]:
    found = plain.get(name)
    sizes = [integer(size) for size in found] if isinstance(found, list) else []
    legal = len(sizes) == count and all(size is not None and size > 0 for size in sizes)
    _require(legal, f"{name} must be {count} positive integers, got {quoted(found)}")
    return sizes

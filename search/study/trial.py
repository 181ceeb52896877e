"""One evaluated child, and its line in a study's file."""

import dataclasses
import hashlib
import json
from typing import Any

from nasnet_keras.genotypes.base import BaseGenotype, GenotypeError
from nasnet_keras.genotypes.reading import genotype_from_json, genotype_from_plain
from nasnet_keras.search.costs.limits import OVER_LIMIT, is_name
from nasnet_keras.search.rungs import STOPPED
from nasnet_keras.search.study.words import trial_words
from nasnet_keras.utils.checks import finite, integer, quoted
from nasnet_keras.utils.json_text import parse

__all__ = ["EQUAL", "REWARDED", "STATUSES", "Trial", "fingerprint", "genotype_of", "genotype_text", "network_genotype"]

EQUAL = "equal_trial"
"""The metric of a child that has the result of an earlier one, whose network is the same: the number of that one."""

_MOST = 2**31  # trials
REWARDED = ("ok", STOPPED)
"""The statuses of trials that have a reward."""

STATUSES = ("ok", "diverged", "crashed", "timeout", "out_of_memory", OVER_LIMIT, STOPPED)
_COSTS = ("parameters", "trainable_parameters", "multiply_adds")  # which earlier versions wrote as metrics alone


@dataclasses.dataclass(frozen=True, repr=False)
class Trial:
    """One evaluated child, as a line of `trials.jsonl` holds it.

    Attributes:
        trial: its number, from 0.
        genotype: the evaluated genotype, of any kind, or a benchmark's string.
        status: one of `STATUSES`.
        reward: the finite number that the search maximizes; None unless the status is `ok` or `stopped`.
        metrics: other measured figures, JSON values by name.
        seconds: the duration of the evaluation, in seconds.
        seed: the seed of the child.
        costs: its costs by name, such as `parameters` and `latency_ms`, as far as they are known.

    Raises:
        ValueError: an attribute has another type or range.

    Example:
        >>> trial = Trial(0, "|none~0|", "ok", 0.5, {}, 1.0, seed=0)
        >>> Trial.from_line(trial.to_line()) == trial
        True
    """

    trial: int
    genotype: BaseGenotype | str
    status: str
    reward: float | None
    metrics: dict[str, Any]
    seconds: float
    seed: int
    costs: dict[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.genotype, (BaseGenotype, str)):
            raise ValueError(f"genotype must be a genotype or a string, got {quoted(self.genotype)}")
        if self.status not in STATUSES:
            raise ValueError(f"status must be one of {', '.join(STATUSES)}, got {quoted(self.status)}")
        if not (finite(self.reward) if self.status in REWARDED else self.reward is None):
            raise ValueError(f"a trial whose status is {self.status!r} cannot have the reward {quoted(self.reward)}")
        if not isinstance(self.metrics, dict) or not finite(self.seconds):
            raise ValueError(f"metrics and seconds cannot be {quoted(self.metrics)} and {quoted(self.seconds)}")
        if not isinstance(self.costs, dict) or not all(is_name(k) and finite(v) for k, v in self.costs.items()):
            raise ValueError(f"costs must be finite numbers by name, got {quoted(self.costs)}")
        number = integer(self.trial)
        if number is None or not 0 <= number < _MOST or integer(self.seed) is None:
            raise ValueError(
                f"trial and seed must be integers, the first from 0, got {quoted(self.trial)} and {quoted(self.seed)}"
            )

    def __repr__(self) -> str:
        return trial_words(self)

    def to_line(self) -> str:
        """Write the line, with its newline.

        Raises:
            ValueError: the metrics cannot be written as JSON.
        """
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        plain["genotype"] = json.loads(genotype_text(self.genotype))
        return json.dumps({**plain, "fingerprint": fingerprint(self.genotype)}, allow_nan=False) + "\n"

    @classmethod
    def from_line(cls, line: str) -> "Trial":
        """Read a line. Unknown fields, which a later version may have added, are ignored.

        A line of an earlier version, without costs, has those that stand among its metrics.

        Raises:
            ValueError: the line is damaged. No line raises another error.
        """
        plain = parse(line)
        names = [field.name for field in dataclasses.fields(cls)]
        if isinstance(plain, dict) and "costs" not in plain and isinstance(metrics := plain.get("metrics"), dict):
            plain["costs"] = {name: metrics[name] for name in _COSTS if finite(metrics.get(name))}
        missing = [name for name in (*names, "fingerprint") if not isinstance(plain, dict) or name not in plain]
        if missing:
            raise ValueError(f"it is no JSON object with {', '.join(missing)}")
        plain["genotype"] = genotype_of(plain["genotype"])
        trial = cls(**{name: plain[name] for name in names})
        if plain["fingerprint"] != fingerprint(trial.genotype):
            raise ValueError(f"its fingerprint is {quoted(plain['fingerprint'])}, and its genotype's is another")
        return trial


def genotype_text(genotype: BaseGenotype | str) -> str:
    """Write a genotype as JSON text."""
    return genotype.to_json() if isinstance(genotype, BaseGenotype) else json.dumps(genotype)


def genotype_of(plain: Any) -> Any:
    """Convert JSON values to a genotype; a string, such as a benchmark's cell, is returned as it is.

    Raises:
        GenotypeError: the values do not describe a legal genotype.
    """
    return genotype_from_json(json.dumps(plain)) if isinstance(plain, dict) else plain


def fingerprint(genotype: BaseGenotype | str) -> str:
    """Compute the 16 hexadecimal digits that name an architecture."""
    if isinstance(genotype, BaseGenotype):
        return genotype.fingerprint
    return hashlib.sha256(genotype_text(genotype).encode()).hexdigest()[:16]


def network_genotype(genotype: BaseGenotype | str) -> BaseGenotype | None:
    """Return the genotype that a network can be built from; None for the string of an unknown benchmark."""
    if isinstance(genotype, BaseGenotype):
        return genotype
    try:
        return genotype_from_plain(genotype)
    except GenotypeError:
        return None

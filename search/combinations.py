"""Checks of the combination of a search's choices and settings, by the facts of `registry`."""

from collections.abc import Mapping
from typing import Any

from nasnet_keras.search import registry
from nasnet_keras.search.costs.own import is_own
from nasnet_keras.search.rungs import rungs_of
from nasnet_keras.utils.checks import quoted

__all__ = ["check", "check_place"]

Values = Mapping[str, Any]
"""The values of settings by name."""


def check(given: Values, usual: Values) -> None:
    """Refuse settings that contradict each other.

    Args:
        given: the values of all settings of a search by name, each legal by itself.
        usual: their default values.

    Raises:
        ValueError: two contradict each other; the message names legal values.
    """
    _check_space(given, usual)
    _check_evaluator(given, usual)
    _check_algorithm(given)
    _check_weights(given)
    _check_executor(given, usual)
    _check_parameters(given)
    _check_latency(given, usual)
    _check_rungs(given)


def check_place(evaluator: str, isolates: bool, shown: str) -> None:
    """Refuse to judge children elsewhere than where the weights are that they share.

    Args:
        evaluator: the name of what judges them.
        isolates: whether they are judged in other processes.
        shown: the executor, for the message.

    Raises:
        ValueError: they share weights and are judged elsewhere.
    """
    if isolates and registry.evaluator(evaluator).shares_weights:
        here = _names(registry.executors_that(isolates=False))
        raise ValueError(f"children that share weights are judged where these are, by executor {here}, got {shown}")


def _check_space(given: Values, usual: Values) -> None:
    """Refuse settings for other spaces."""
    searched = given["space"]
    known = dict.fromkeys(name for row in registry.SPACES.values() for name in (*row.own, *row.lacks))
    for name in known:
        if given[name] == usual[name]:
            continue
        owners = [space for space, row in registry.SPACES.items() if name in row.own]
        if owners and searched not in owners:
            raise _other_space(name, given, f"for {_names(owners)}")
        without = [space for space, row in registry.SPACES.items() if name in row.lacks]
        if searched in without:
            raise _other_space(name, given, f"for spaces other than {_names(without)}, whose networks have none")


def _other_space(name: str, given: Values, whose: str) -> ValueError:
    return ValueError(f"{name}={quoted(given[name])} is {whose}; space is {quoted(given['space'])}")


def _check_evaluator(given: Values, usual: Values) -> None:
    """Refuse an evaluator that cannot judge the space's genotypes, or whose settings are missing or another's."""
    name, row, searched = given["evaluator"], registry.evaluator(given["evaluator"]), given["space"]
    legal = registry.spaces_for(name)
    if searched not in legal:
        raise ValueError(
            f"evaluator {quoted(name)} judges genotypes of {', '.join(legal)} only, got {quoted(searched)}"
        )
    for setting in dict.fromkeys(setting for other in registry.EVALUATORS.values() for setting in other.requires):
        if setting in row.requires and given[setting] is None:
            raise ValueError(
                f"the evaluator {quoted(name)} needs a {setting}: expected {setting}, or --{setting}, of which --help "
                f"lists the values, got none"
            )
        if setting not in row.requires and given[setting] is not None:
            owners = [other for other, facts in registry.EVALUATORS.items() if setting in facts.requires]
            raise ValueError(
                f"a {setting} is for the evaluator {_names(owners)} and no other, got {quoted(name)} with "
                f"{quoted(given[setting])}"
            )
    for owner, other in registry.EVALUATORS.items():
        for setting in other.takes:
            if owner != name and given[setting] != usual[setting]:
                raise ValueError(
                    f"{setting}={quoted(given[setting])} is for the evaluator {owner!r}, got {quoted(name)}"
                )


def _check_algorithm(given: Values) -> None:
    """Refuse an algorithm that is for other spaces."""
    row = registry.algorithm(given["algorithm"])
    judge = registry.evaluator(given["evaluator"])
    if not row.whole and (judge.shares_weights or judge.judges == "table"):
        raise ValueError(
            f"algorithm {quoted(given['algorithm'])} proposes cells of fewer blocks, and a {judge.judges} has whole "
            f"ones only: choose another evaluator than {quoted(given['evaluator'])}"
        )
    sharing = [name for name, facts in registry.EVALUATORS.items() if facts.shares_weights]
    legal = (*row.spaces, *(row.spaces_of_sums if given["evaluator"] in sharing else ()))
    if not row.spaces or given["space"] in legal:
        return
    one = f"the space {_names(row.spaces)} only" if len(row.spaces) == 1 else f"the spaces {_names(row.spaces)}"
    sums = f", and for {_names(row.spaces_of_sums)} with the evaluator {_names(sharing)}" if row.spaces_of_sums else ""
    raise ValueError(f"algorithm {quoted(given['algorithm'])} is for {one}{sums}")


def _check_weights(given: Values) -> None:
    """Refuse settings that contradict weight sharing, or that need it."""
    shared = registry.evaluator(given["evaluator"]).shares_weights
    epochs = given["recipe"].epochs
    if given["derived_trials"] and not shared:
        raise ValueError(f"derived_trials is for children that share weights, got {given['derived_trials']}")
    if shared and given["synchronized_batch_norm"]:
        raise ValueError("batch normalisation of shared weights cannot be synchronized over GPUs")
    if shared and given["trials"] < epochs:
        raise ValueError(f"trials={given['trials']} leave none for some of the {epochs} epochs")


def _check_executor(given: Values, usual: Values) -> None:
    """Refuse an executor that cannot have these settings."""
    name = registry.executor_for(given["executor"], given["evaluator"])
    workers, gpus = given["workers"], given["gpus_per_child"]
    row = registry.executor(name)
    isolates = row.isolates
    for owner, other in registry.EXECUTORS.items():
        for setting in other.takes:
            if owner != name and given[setting] != usual[setting]:
                raise ValueError(
                    f"{setting}={quoted(given[setting])} is for the executor {owner!r}, got {quoted(name)}"
                )
    if gpus is not None and gpus < 1 and not row.spans_machines:
        spanning = [other for other, facts in registry.EXECUTORS.items() if facts.spans_machines]
        raise ValueError(
            f"gpus_per_child must be a whole number from 1, got {gpus}; less is for the executor {_names(spanning)}"
        )
    apart = " or ".join(map(repr, registry.executors_that(isolates=True)))
    if not isolates and (workers or 1) > 1:
        raise ValueError(f"executor {quoted(name)} has one worker, got {workers}: choose {apart}")
    if not isolates and given["child_memory_gib"] is not None:
        raise ValueError(f"executor {quoted(name)} cannot limit memory: choose {apart}")
    check_place(given["evaluator"], isolates, quoted(name))


def _check_parameters(given: Values) -> None:
    """Refuse parameters of other algorithms."""
    row = registry.algorithm(given["algorithm"])
    for name in dict.fromkeys(name for other in registry.ALGORITHMS.values() for name in other.parameters):
        if given[name] is not None and name not in row.parameters:
            raise ValueError(f"{name} is for {_owners(name)}not for {quoted(given['algorithm'])}")


def _check_latency(given: Values, usual: Values) -> None:
    """Refuse to predict a latency and to measure it, or to do either where no network is trained."""
    ways = [name for name in ("latency", "latency_command") if given[name] is not None]
    if len(ways) > 1:
        raise ValueError(f"a latency is predicted by latency={quoted(given['latency'])} or measured by latency_command")
    ways += [name for name in ("runtime", "threads") if given[name] != usual[name]]
    if ways and not registry.evaluator(given["evaluator"]).trains:
        raise ValueError(f"{ways[0]} is for networks that are trained, not for {quoted(given['evaluator'])}")


def _check_rungs(given: Values) -> None:
    """Refuse rungs at which no child can be stopped, or of whose children no reward can be expected."""
    found, epochs = rungs_of(given["rungs"]), given["recipe"].epochs
    if found and found[-1].epoch >= epochs:
        raise ValueError(
            f"a rung is before the end of a child's training, which has {epochs} epochs, got one after epoch "
            f"{found[-1].epoch}"
        )
    if found and is_own(given["objective"]):
        raise ValueError(
            f"rungs are for searches whose reward is an accuracy, and the objective is {given['objective']}"
        )


def _owners(parameter: str) -> str:
    names = registry.algorithms_with(parameter)
    return f"{_names(names)}, " if len(names) == 1 else f"{', '.join(names)}, which have a controller, "


def _names(values: Any) -> str:
    return " and ".join(map(repr, values))

"""The settings of the place of children: processes, machines, GPUs, and limits of time and memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nasnet_keras.search.registry import EXECUTORS, explained
from nasnet_keras.utils import values
from nasnet_keras.utils.checks import finite, quoted
from nasnet_keras.utils.groups import Group
from nasnet_keras.utils.settings import documented, grouped, setting

__all__ = ["PlaceSettings", "resources_of"]


def _resource(text: str) -> str:
    """A custom resource of Ray and its amount, in its usual form."""
    name, _, amount = text.partition("=")
    try:
        number = float(amount)
    except ValueError:
        number = 0.0
    if (
        not name.strip()
        or name.strip() in ("CPU", "GPU", "memory", "object_store_memory")
        or not finite(number)
        or number <= 0
    ):
        raise ValueError(
            f"ray_resources must be names of custom resources with positive amounts, such as a100=1, got {quoted(text)}"
        )
    return f"{name.strip()}={number:.15g}"


def resources_of(texts: tuple[str, ...]) -> Mapping[str, float]:
    """Read the amounts of custom resources by name.

    Example:
        >>> resources_of(("a100=1", "disk=0.5"))
        {'a100': 1.0, 'disk': 0.5}
    """
    return {name: float(amount) for name, _, amount in (text.partition("=") for text in texts)}


def _gpus(name: str, value: Any) -> float:
    """A number of GPUs, an int if it is whole."""
    legal = finite(value) and not isinstance(value, bool) and value >= 0 and (value < 1 or value == int(value))
    if not legal:
        raise ValueError(f"{name} must be a whole number or a fraction below 1, got {quoted(value)}")
    return int(value) if value == int(value) else float(value)


@documented
@grouped(Group.PLACE)
@dataclass(frozen=True)
class PlaceSettings:
    """The settings of executors. They change no child, so all of them may change while a study grows."""

    executor: str | None = setting(
        None,
        "Executor of the children; by default inline in tables and with a supernet, else subprocess. "
        f"{explained(EXECUTORS)}.",
        values.choice_of_version(*EXECUTORS),
        may_change=True,
    )
    workers: int | None = setting(
        None,
        "Number of worker processes on this machine; by default as many as there are cores or GPUs for, and at most "
        "--window. Without GPUs they share the cores, so that it says how many threads a child has.",
        values.positive(),
        may_change=True,
    )
    max_concurrent: int | None = setting(
        None,
        "Number of children at once; by default as many as there is room for. It changes no child and nothing that is "
        "proposed, unlike --window and --workers.",
        values.positive(),
        may_change=True,
    )
    gpus_per_child: float | None = setting(
        None,
        "Number of GPUs that each child sees; by default 1 if there are any. With the executor ray it may be a "
        "fraction, so that children share a GPU, or 0, and children wait for machines with as many as are given.",
        values.Kind(_gpus, "float"),
        may_change=True,
    )
    cpus_per_child: float | None = setting(
        None,
        "Number of cores that a child takes of its machine, and of its threads, with the executor ray; by default as "
        "many as a child of the executor subprocess would have on this machine.",
        values.positive_number(),
        may_change=True,
    )
    ray_address: str | None = setting(
        None,
        "Address of the Ray cluster, such as 10.0.0.5:6379, or auto for one that runs on this machine; by default "
        "that of RAY_ADDRESS, else a cluster of this machine's cores and GPUs is started, and ends with the search.",
        values.text(),
        may_change=True,
    )
    ray_resources: tuple[str, ...] = setting(
        (),
        "Custom resource of Ray that a child takes of its machine, with its amount, such as a100=1; give the flag "
        "several times for several resources.",
        values.repeated("resources, such as a100=1", _resource),
        may_change=True,
    )
    child_retries: int = setting(
        2,
        "Number of times that a child is run again because its machine was lost or taken away. A child that crashed, "
        "or ran out of memory, is not run again.",
        values.whole(0),
        may_change=True,
    )
    child_timeout_minutes: float = setting(
        60.0, "Minutes after which a child in a separate process is given up.", values.limit(), may_change=True
    )
    finalist_stall_minutes: float = setting(
        30.0,
        "Minutes without a step, the end of an epoch or a written file after which a finalist in a separate process "
        "is given up; the same command continues from its checkpoint. The first step, which is compiled, and the "
        "judging of the trained model must be shorter.",
        values.limit(),
        may_change=True,
    )
    child_memory_gib: float | None = setting(
        None,
        "Resident memory in GiB at which a child or a finalist is given up, with about one GiB that it has when it "
        "begins; by default there is no limit.",
        values.limit(),
        may_change=True,
    )

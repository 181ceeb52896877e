"""The settings of the place of children: processes, GPUs, and limits of time and memory."""

from dataclasses import dataclass

from nasnet_keras.search.registry import EXECUTORS, explained
from nasnet_keras.utils import values
from nasnet_keras.utils.settings import documented, setting

__all__ = ["PlaceSettings"]


@documented
@dataclass(frozen=True)
class PlaceSettings:
    """The settings of executors. They change no child, so all of them may change while a study grows."""

    executor: str | None = setting(
        None,
        f"Executor of the children; by default subprocess if they train from scratch. {explained(EXECUTORS)}.",
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
    gpus_per_child: int = setting(
        1, "Number of GPUs that each child sees, if there are any.", values.whole(1), may_change=True
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

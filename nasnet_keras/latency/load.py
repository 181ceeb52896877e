"""The load that other processes put on the machine."""

import time

import psutil

from nasnet_keras.utils import environment

__all__ = ["allowed", "busy_seconds", "others"]

_BUSY = ("user", "nice", "system", "irq", "softirq", "steal")  # what a core does when it does not idle
_SECONDS = 0.3  # that a load is looked at for


def busy_seconds() -> float:
    """Sum the processor time that all processes have used, on the cores that this process may use."""
    each = psutil.cpu_times(percpu=True)
    process = psutil.Process()
    mine = process.cpu_affinity() if hasattr(process, "cpu_affinity") else range(len(each))
    return sum(getattr(each[core], name, 0.0) for core in mine if core < len(each) for name in _BUSY)


def others() -> float:
    """Look for a moment how many cores are in use, while this process sleeps."""
    before, begun = busy_seconds(), time.perf_counter()
    time.sleep(_SECONDS)
    return (busy_seconds() - before) / (time.perf_counter() - begun)


def allowed(threads: int) -> float:
    """Tell how many cores others may use while some threads are timed: a quarter of the rest, at least a fifth of one.

    A process on another core has its share of the cache and of the memory's speed, so that the rest may not be full.
    """
    return max(0.2, (environment.cores() - threads) / 4)

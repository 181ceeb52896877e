"""Runs are timed in blocks, until the median of the blocks' medians is known well enough.

Single runs follow each other closely, and share their troubles: a slow phase of the processor makes hundreds of them
slow. The interval of the median below holds for values that are independent, so it is made of the medians of blocks,
which are nearly that. It assumes no distribution: of independent values, half lie below their true median, so that the
order statistics around the middle enclose it with a known probability.

The interval is looked at after each block, and the first that is narrow enough ends the runs. So the median is within
the share that was asked for not in 95 of 100 measurements, but, on simulated machines whose speed changes every 0.1
seconds by up to 2, 10 and 40%, in 100, 94 and 85.
"""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nasnet_keras.latency.errors import LatencyError, MachineBusy
from nasnet_keras.latency.load import allowed, busy_seconds

__all__ = ["FEWEST", "Block", "Clocks", "interval", "repeated", "timed", "warmed"]

FEWEST = 9
"""Blocks without which no median is known: of nine, the second smallest and largest enclose it in 96 of 100 cases."""

_SECONDS = 0.1  # of a block
_TICK = 0.1  # the error of a core's use in a block: systems count it in hundredths of a second; those of cores differ
_RUNS = 3  # of a block, at least
_OWN_SHARE = 0.9  # of a block's time that the process must have computed in; below, it had to wait for a core
_JUDGED = 20  # blocks after which a machine is called busy that disturbed most of them
_SETTLED = 0.99  # a group of warm-up runs that takes at least this share of the fastest so far is no longer faster
_WARM_SECONDS = 3.0  # of warming up, at most


@dataclass(frozen=True)
class Clocks:
    """The clocks that runs are timed by, each in seconds.

    Attributes:
        wall: of this world.
        own: the processor time of this process, in all of its threads.
        machine: the processor time that all processes used, on the cores that this process may use.
    """

    wall: Callable[[], float] = time.perf_counter
    own: Callable[[], float] = time.process_time
    machine: Callable[[], float] = busy_seconds


@dataclass(frozen=True)
class Block:
    """Some runs in a row.

    Attributes:
        milliseconds: of each run.
        own: the processor time of this process as a share of the block's time; above 1 with several threads.
        others: the number of cores that other processes used.
    """

    milliseconds: tuple[float, ...]
    own: float
    others: float

    @property
    def median(self) -> float:
        """The median of the runs, in milliseconds."""
        return statistics.median(self.milliseconds)

    def calm(self, threads: int) -> bool:
        """Tell whether the runs had the cores that they needed."""
        return self.own >= _OWN_SHARE and self.others <= allowed(threads) + _TICK * math.sqrt(threads)


def interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float] | None:
    """Enclose the true median of independent values; None if they are too few for that.

    Source: the sign test. Of `count` values, `k` or fewer lie below the median with the probability of as many heads.

    Example:
        >>> interval([5, 1, 4, 2, 3, 6, 9, 8, 7]), interval([1, 2, 3])
        ((2, 8), None)
    """
    count, ordered = len(values), sorted(values)
    outside, rank = 0.0, 0
    while rank < count // 2:
        more = outside + 2 * math.comb(count, rank) / 2**count
        if more > 1 - confidence:
            break
        outside, rank = more, rank + 1
    return (ordered[rank - 1], ordered[count - rank]) if rank else None


def timed(run: Callable[[], object], clocks: Clocks, deadline: float, seconds: float = _SECONDS) -> Block:
    """Run for some seconds, and at least three times, but for slow runs after the deadline."""
    took = []
    own, machine, begun = clocks.own(), clocks.machine(), clocks.wall()
    before = begun
    while not took or before - begun < seconds or (len(took) < _RUNS and before < deadline):
        run()
        now = clocks.wall()
        took.append(1e3 * (now - before))
        before = now
    wall, own, machine = before - begun, clocks.own() - own, clocks.machine() - machine
    return Block(tuple(took), own / wall, max(0.0, machine - own) / wall)


def warmed(run: Callable[[], object], clocks: Clocks, deadline: float) -> int:
    """Run until runs no longer become faster, for three seconds or once; returns the number of runs.

    Raises:
        LatencyError: the deadline is over then.
    """
    begun = clocks.wall()
    end = min(deadline, begun + _WARM_SECONDS)
    runs, fastest, settled = 0, math.inf, 0
    while settled < 2 and (clocks.wall() < end or not runs):
        block = timed(run, clocks, end, _SECONDS / 4)
        runs += len(block.milliseconds)
        settled = settled + 1 if block.median >= _SETTLED * fastest else 0
        fastest = min(fastest, block.median)
    if clocks.wall() >= deadline:
        each = (clocks.wall() - begun) / runs
        raise LatencyError(f"a run takes {each:.3g} seconds: expected a longer timeout_seconds")
    return runs


def repeated(
    run: Callable[[], object], accuracy: float | None, threads: int, deadline: float, clocks: Clocks
) -> list[Block]:
    """Time blocks of runs until their median is known to a share of itself.

    Args:
        run: one run.
        accuracy: half the width of the median's interval, as a share of the median, that is good enough. None takes
            nine blocks as they come, on a machine that is busy too.
        threads: the number of threads that a run computes in.
        deadline: the time, by `clocks.wall`, by which it must be known.
        clocks: the clocks.

    Returns:
        The blocks that were not disturbed.

    Raises:
        MachineBusy: most blocks were disturbed, or their medians differ too much.
        LatencyError: the time is too short for so slow a run.
    """
    blocks: list[Block] = []
    while True:
        blocks.append(timed(run, clocks, deadline))
        late = clocks.wall() > deadline
        if accuracy is None:
            if late or len(blocks) == FEWEST:
                return blocks
            continue
        calm = [block for block in blocks if block.calm(threads)]
        if len(calm) >= FEWEST and half_width(calm) <= accuracy:
            return calm
        if late or (len(blocks) >= _JUDGED and 2 * len(calm) < len(blocks)):
            raise _given_up(blocks, calm, accuracy, threads)


def half_width(blocks: Sequence[Block]) -> float:
    """Tell to which share of itself the median of blocks is known; infinite for too few of them."""
    medians = [block.median for block in blocks]
    found = interval(medians)
    return (found[1] - found[0]) / 2 / statistics.median(medians) if found else math.inf


def _given_up(blocks: list[Block], calm: list[Block], accuracy: float, threads: int) -> LatencyError:
    """Describe why the median is not known."""
    if 2 * len(calm) < len(blocks):
        own = statistics.median(block.own for block in blocks)
        others = statistics.median(block.others for block in blocks)
        return MachineBusy(
            f"the machine is too busy to measure on: {len(blocks) - len(calm)} of {len(blocks)} blocks of runs were "
            f"disturbed; the process computed in {own:.0%} of its time (expected {_OWN_SHARE:.0%}), and other "
            f"processes used {others:.1f} cores (expected at most {allowed(threads):.1f})"
        )
    if len(calm) < FEWEST:
        slowest = statistics.median(block.median for block in blocks)
        return LatencyError(
            f"{len(calm)} blocks of runs, of {slowest:.0f} ms a run, are too few to know a median: expected {FEWEST}, "
            f"which take a longer timeout_seconds"
        )
    medians = [block.median for block in calm]
    return MachineBusy(
        f"the machine is too unsteady to measure on: after {len(calm)} blocks of runs, whose medians are "
        f"{min(medians):.3g} to {max(medians):.3g} ms, the median is known to {half_width(calm):.1%} only (expected "
        f"{accuracy:.1%})"
    )

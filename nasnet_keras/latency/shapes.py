"""The shape of an input: what a file leaves open is taken from the arguments."""

from collections.abc import Sequence

from nasnet_keras.latency.errors import LatencyError

__all__ = ["resolved"]


def resolved(found: Sequence[object], given: Sequence[int] | None, batch_size: int) -> tuple[int, ...]:
    """Fill the open sizes of a model's input.

    Args:
        found: the shape that the model declares, with the batch first; an open size is no positive integer.
        given: the shape without the batch, from the caller; None takes all sizes from the model.
        batch_size: the size of the batch.

    Raises:
        LatencyError: a size stays open, or the caller's contradicts the model's.

    Example:
        >>> resolved((None, 32, 32, 3), None, 1), resolved((-1, "height", "width", 3), (64, 48, 3), 2)
        ((1, 32, 32, 3), (2, 64, 48, 3))
    """
    declared = [size if isinstance(size, int) and size > 0 else None for size in found]
    wanted = [batch_size, *(given or declared[1:])]
    shown = " x ".join("any" if size is None else str(size) for size in declared[1:])
    if len(wanted) != len(declared) or any(
        mine not in (None, own) for mine, own in zip(declared[1:], wanted[1:], strict=True)
    ):
        raise LatencyError(f"input_shape must be {shown}, as the model reads it, got {tuple(given or ())}")
    if declared[0] not in (None, batch_size):
        raise LatencyError(f"the model reads batches of {declared[0]}: expected that batch_size, got {batch_size}")
    if None in wanted:
        raise LatencyError(
            f"the model reads images of {shown}: name a size by input_shape=(height, width, channels), or --image_size"
        )
    return tuple(wanted)

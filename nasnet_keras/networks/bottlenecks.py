"""The tensors of a model that all ways to its next stride pass: where one stage of it ends, and the next begins."""

from collections.abc import Collection, Sequence

__all__ = ["bottlenecks"]


def bottlenecks(
    strides: Sequence[int | None], readers: Sequence[Sequence[int]], outputs: Collection[int]
) -> dict[int, list[int]]:
    """Find, for each stride, the maps which every way from the image to larger strides passes, the last one last.

    Ways that end at the same stride, such as one to an auxiliary classifier, do not count; of the largest stride those
    to the outputs do. Maps behind an enlargement are not found.

    Args:
        strides: of tensors, each after those that it is computed of; the first is the image. None if it is no map.
        readers: the numbers of the tensors that are computed of each.
        outputs: the numbers of the model's outputs.

    Example:
        >>> bottlenecks([1, 1, 1, 1, 2, None], [[1, 2], [3], [3], [4], [5], []], {5})  # two branches, put together
        {1: [0, 3], 2: [4]}
    """
    count, largest = len(strides), max((stride for stride in strides if stride), default=0)
    coarsest = [stride or 0 for stride in strides]
    for number in range(count):
        for reader in readers[number]:
            coarsest[reader] = max(coarsest[reader], coarsest[number])
    ends = [False] * count  # those of the classifier: no maps, and nothing makes maps of them
    for number in reversed(range(count)):
        ends[number] = strides[number] is None and all(ends[reader] for reader in readers[number])
    closed = [ends[one] or (strides[one] or coarsest[one]) < coarsest[one] for one in range(count)]

    def leaves(number: int, reader: int, stride: int) -> bool:
        """Whether a way leaves a stride with a step."""
        if stride < largest:
            return (strides[reader] or 0) > stride
        return coarsest[number] == stride and not closed[number] and closed[reader]

    found = {}
    for stride in sorted({one for one in strides if one}):
        # Ways to each tensor, and from it out of the stride: all ways pass a tensor if their product is all there are.
        before, after = [1] + [0] * (count - 1), [0] * count
        for number in reversed(range(count)):
            if not closed[number]:
                after[number] = int(stride == largest == coarsest[number] and number in outputs)
                after[number] += sum(1 if leaves(number, one, stride) else after[one] for one in readers[number])
        for number in range(count):
            for reader in readers[number]:
                before[reader] += 0 if leaves(number, reader, stride) else before[number]
        found[stride] = [
            one
            for one in range(count)
            if strides[one] == coarsest[one] == stride and after[one] and before[one] * after[one] == after[0]
        ]
    return found

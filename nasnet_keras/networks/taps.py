"""The feature maps of a network at each stride, for heads that read several: of segmentation, of detection."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from nasnet_keras.networks.bottlenecks import bottlenecks
from nasnet_keras.utils.checks import integer, quoted

__all__ = ["taps"]

# A side in pixels which every usual stride divides, so large that borders hardly count; nothing is computed.
_SIDE = 2**7 * 3**4
_LARGEST = 128
_OFF = 0.02  # what borders without padding may change of a stride, as a share of it
# The parts of this package's networks, by the names of their layers. What is within a part is no output of it.
_PART = re.compile(r"(stage_\d+_layer_\d+|(stem|reduction|cell|layer)_\d+(?=_)|stem_conv(_\d+)?|head)(_|$)")


def taps(model: Any, strides: Iterable[int] | None = None) -> dict[int, Any]:
    """Find the last feature map of each stride of a network, before the next reduction.

    The stride of a map is how many pixels of the image, in height and in width, one of its positions stands for. Of the
    networks of this package these are outputs of stems, cells, stages or layers, as the following part reads them: if
    that begins with a ReLU, they lack it. The one of the largest stride is what the network returns with
    `include_top=False`. Of other Keras models it is the last tensor of the stride that all ways to the next stride
    pass, such as the concatenated branches of a block. A stride without such a tensor is left out: that of cells which
    read the two cells before them, for example. Of their maps behind an enlargement, as in a U-Net, none is taken.

    Args:
        model: a functional or sequential Keras model of one image `(batch, height, width, channels)`, with or without a
            classifier, new or loaded, also of images of unknown size. It is not changed.
        strides: the strides to find, such as `(4, 8, 16, 32)`; None finds all. A network for small images begins at 1.

    Returns:
        Tensors of `model` by stride, from the smallest on. `keras.Model(model.input, list(found.values()))` returns
        them; a head is built on them. Maps of which height and width have different strides are left out.

    Raises:
        ValueError: the model is another one, has no map of a stride that is asked for, or holds another model, whose
            maps are not its own; the error says what to do.

    Example:
        >>> model = nk.applications.MnasNetSmall((None, None, 3), include_top=False)
        >>> {stride: found.shape[-1] for stride, found in taps(model).items()}
        {2: 8, 4: 16, 8: 16, 16: 32, 32: 1280}
    """
    import keras

    inputs = getattr(model, "inputs", None)
    if not isinstance(model, keras.Model) or not isinstance(inputs, list) or not inputs:
        raise ValueError(f"expected a functional or sequential Keras model that is built, got {quoted(model)}")
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        shapes = ", ".join(str(tuple(one.shape)) for one in inputs)
        raise ValueError(f"expected a model of one image (batch, height, width, channels), got one of {shapes}")
    wanted = None if strides is None else _checked(strides)
    found = _Maps(inputs[0])
    for output in keras.tree.flatten(model.outputs):
        found.add(output)
    known = found.last()
    if found.within and (wanted is None or not set(wanted) <= known.keys()):
        name = found.within[0]
        raise ValueError(
            f"the maps of the model {name!r} within {model.name!r} are not those of {model.name!r}: build on "
            f"nk.taps(model.get_layer({name!r}))"
        )
    if not known:
        raise ValueError(f"the model {model.name!r} computes no feature map of the image")
    if wanted is None:
        return known
    if missing := [stride for stride in wanted if stride not in known]:
        raise ValueError(
            f"the model {model.name!r} has feature maps of the strides {', '.join(map(str, known))}, and none of "
            f"{', '.join(map(str, missing))}{'' if found.is_own else ' that all ways to the next stride pass'}"
        )
    return {stride: known[stride] for stride in wanted}


def _checked(strides: Any) -> list[int]:
    """The strides that are asked for, from the smallest on."""
    found = [integer(one) for one in strides] if isinstance(strides, Iterable) and not isinstance(strides, str) else []
    if not found or any(one is None or one < 1 for one in found):
        raise ValueError(f"strides must be whole numbers from 1, such as (4, 8, 16, 32), got {quoted(strides)}")
    return sorted(set(found))


@dataclass(frozen=True)
class _Map:
    """A tensor of a model.

    Attributes:
        tensor: the tensor.
        spec: what it would be of an image of `_SIDE` pixels; None if that cannot be told.
        depth: the number of layers on the longest way to it.
        learned: whether a layer with weights is among them, other than one that normalizes the image.
        part: the part of the network that it is within.
    """

    tensor: Any
    spec: Any
    depth: int
    learned: bool
    part: str

    @property
    def shape(self) -> tuple[int | None, ...]:
        """What its shape would be; none if that cannot be told."""
        return () if self.spec is None else tuple(self.spec.shape)

    @property
    def stride(self) -> int | None:
        """The stride, if it is the same in height and width."""
        shape = self.shape
        if len(shape) != 4 or not shape[1] or shape[1] != shape[2]:
            return None
        ratio = _SIDE / shape[1]
        nearest = max(1, round(ratio))
        return nearest if nearest <= _LARGEST and abs(ratio / nearest - 1) <= _OFF else None


@dataclass
class _Maps:
    """The tensors that lead to the outputs of a model.

    Attributes:
        image: the input of the model.
        within: the names of models within it.
        is_own: whether it is a network of this package, so that the names of its layers tell its parts.
    """

    image: Any
    within: list[str] = field(default_factory=list)
    is_own: bool = False
    _outputs: list[Any] = field(default_factory=list)
    _known: dict[int, _Map] = field(default_factory=dict)
    _readers: dict[int, list[_Map]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        import keras

        spec = keras.KerasTensor((1, _SIDE, _SIDE, self.image.shape[-1]), dtype=self.image.dtype)
        self._known[id(self.image)] = _Map(self.image, spec, 0, False, "")

    def add(self, output: Any) -> None:
        """Follow an output back to the image, and learn of each tensor on the way."""
        self._outputs.append(output)
        waiting = [output]
        while waiting:
            tensor = waiting[-1]
            layer, call, _ = tensor._keras_history
            node = layer._inbound_nodes[call]
            missing = [one for one in node.input_tensors if id(one) not in self._known]
            if id(tensor) not in self._known and missing:
                waiting += missing
            else:
                waiting.pop()
                if id(tensor) not in self._known:
                    self._learn(layer, node)

    def last(self) -> dict[int, Any]:
        """The last tensor of each stride that is no inner one of its part, or that all ways to the next stride pass."""
        import keras

        deepest: dict[int, _Map] = {}
        for one in self._known.values() if self.is_own else self._bottlenecks():
            stride = one.stride
            bordered = isinstance(one.tensor._keras_history[0], keras.layers.ZeroPadding2D)  # for what has the stride
            if stride is None or bordered or not one.learned or (self.is_own and not self._leaves(one)):
                continue
            if stride not in deepest or one.depth > deepest[stride].depth:
                deepest[stride] = one
        return {stride: deepest[stride].tensor for stride in sorted(deepest)}

    def _bottlenecks(self) -> list[_Map]:
        """The tensors that all ways to the next stride pass."""
        every = list(self._known.values())  # each after those that it is computed of
        numbers = {id(one.tensor): number for number, one in enumerate(every)}
        readers = [[numbers[id(each.tensor)] for each in self._readers.get(id(one.tensor), [])] for one in every]
        found = bottlenecks([one.stride for one in every], readers, {numbers[id(one)] for one in self._outputs})
        return [every[number] for of_stride in found.values() for number in of_stride]

    def _leaves(self, one: _Map) -> bool:
        """Whether something outside its part reads a tensor, or nothing does, or something that makes no map of it."""
        readers = self._readers.get(id(one.tensor), [])
        return not one.part or not readers or any(each.part != one.part or len(each.shape) != 4 for each in readers)

    def _learn(self, layer: Any, node: Any) -> None:
        """Learn of the tensors that a call of a layer makes."""
        import keras

        given = [self._known[id(one)] for one in node.input_tensors]
        if isinstance(layer, keras.Model):
            self.within.append(layer.name)
        weights = bool(getattr(layer, "weights", None)) and not isinstance(layer, keras.layers.Normalization)
        learned = weights or any(one.learned for one in given)
        depth = 1 + max((one.depth for one in given), default=0)
        found = _PART.match(layer.name)
        self.is_own = self.is_own or bool(found and type(layer).__module__.startswith("nasnet_keras."))
        for tensor, spec in zip(node.output_tensors, self._specs(layer, node), strict=True):
            made = _Map(tensor, spec, depth, learned, found[1] if found else "")
            self._known[id(tensor)] = made
            for one in given:
                self._readers.setdefault(id(one.tensor), []).append(made)

    def _specs(self, layer: Any, node: Any) -> Iterator[Any]:
        """What a call would make of a large image; None where that cannot be told, as of a layer for one size."""
        import keras

        known = {id(one): self._known[id(one)].spec for one in node.input_tensors}
        try:
            if None in known.values():
                raise ValueError("something before it is not known")
            arguments, named = node.arguments.fill_in(known)
            return iter(keras.tree.flatten(layer.compute_output_spec(*arguments, **named)))
        except Exception:  # a layer of somebody else's may raise anything
            return iter([None] * len(node.output_tensors))

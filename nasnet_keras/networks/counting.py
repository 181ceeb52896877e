"""The cost of a Keras model: its parameters and multiply-adds, counted on the calls of its layers."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from nasnet_keras.networks.cost import Cost
from nasnet_keras.networks.multiply_adds import Call, multiply_adds
from nasnet_keras.utils.checks import integer, quoted

__all__ = ["LayerCost", "LayerCosts", "layer_costs", "model_cost"]


@dataclass(frozen=True)
class LayerCost:
    """What a layer costs in all of its calls.

    Attributes:
        name: of the layer, behind those of the models that it is in: `backbone/conv`.
        kind: the name of its class.
        output_shape: of its first call, without the batch axis; of several outputs, that of the first.
        parameters: number of all weights. What several layers share counts at the first.
        trainable_parameters: number of the weights that training updates.
        multiply_adds: for one example.
        calls: how often the model calls it.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    trainable_parameters: int
    multiply_adds: int
    calls: int


class LayerCosts(tuple[LayerCost, ...]):
    """The costs of a model's layers, in the order of their first calls. Printed, they are a table.

    Example:
        >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="first")])
        >>> print(layer_costs(model))
        layer  type    output     parameters  multiply-adds   share
        first  Conv2D  6 x 6 x 4         112          3,888  100.0%
        total                            112          3,888
    """

    @property
    def total(self) -> Cost:
        """The cost of the model."""
        return Cost(*(sum(getattr(one, name) for one in self) for name in Cost.__dataclass_fields__))

    def __str__(self) -> str:
        total = self.total
        rows = [("layer", "type", "output", "parameters", "multiply-adds", "share")]
        for one in self:
            if one.parameters or one.multiply_adds:
                share = one.multiply_adds / total.multiply_adds if total.multiply_adds else 0.0
                kind = one.kind if one.calls == 1 else f"{one.kind}, {one.calls} calls"
                output = " x ".join(map(str, one.output_shape))
                figures = f"{one.parameters:,}", f"{one.multiply_adds:,}", f"{share:.1%}"
                rows.append((one.name, kind, output, *figures))
        rows.append(("total", "", "", f"{total.parameters:,}", f"{total.multiply_adds:,}", ""))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        aligned = (str.ljust,) * 3 + (str.rjust,) * 3
        lines = (
            "  ".join(align(text, width) for align, text, width in zip(aligned, row, widths, strict=True))
            for row in rows
        )
        return "\n".join(map(str.rstrip, lines))


def model_cost(model: keras.Model, input_shape: Any = None) -> Cost:
    """Count the cost of a Keras model on its layers.

    Args:
        model: any functional or sequential model, of ours, of `keras.applications` or your own, also one that calls
            layers several times or holds other models.
        input_shape: what to count the multiply-adds at, without the batch axis: `(height, width, channels)` of an
            image, by default the model's own. It is needed if the model was built for an unknown size. If the model
            has several inputs, a list of shapes, or a dictionary of them by the inputs' names.

    Returns:
        The cost for one example. Convolutions and products count, also those of attention and of recurrent layers;
        normalization, pooling, sums and activations do not, and neither does what a `Lambda` layer or a layer of your
        own without weights computes.

    Raises:
        ValueError: the model is not functional or has a `call` of its own, its input size is unknown, or it holds
            layers with weights whose multiply-adds are not known; the error names them. A layer of your own counts
            itself if it has a method `multiply_adds(input_shape)`, for one example of a shape whose batch axis is None;
            if it reads several tensors, of a list of shapes.

    Example:
        >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, use_bias=False)])
        >>> model_cost(model)
        Cost(parameters=108, trainable_parameters=108, multiply_adds=3888)
    """
    return layer_costs(model, input_shape).total


def layer_costs(model: keras.Model, input_shape: Any = None) -> LayerCosts:
    """Count the cost of each layer of a Keras model.

    Args:
        model, input_shape: as of `model_cost`, which also raises the same errors.

    Example:
        >>> shared = keras.layers.Dense(4, name="twice")
        >>> image = keras.Input((4,))
        >>> layer_costs(keras.Model(image, shared(shared(image))))[0].multiply_adds
        32
    """
    if not _is_open(model) or not model.inputs:
        raise ValueError(
            f"model_cost needs a built functional or sequential model without a call of its own, got {quoted(model)}"
        )
    found: dict[int, list[Any]] = {}
    unknown: dict[str, str] = {}
    shapes = _input_shapes(model, input_shape)
    for name, layer, call in [*_calls(model, _symbolic(model, shapes), ""), (model.name, model, None)]:
        count = 0 if call is None else multiply_adds(layer, call)
        if count is None:
            unknown.setdefault(name, type(layer).__name__)
            continue
        known = found.setdefault(id(layer), [name, layer, [] if call is None else call.outputs, 0, 0])
        known[3] += count
        known[4] += 1
    if unknown:
        named = ", ".join(f"{quoted(name)} of type {kind}" for name, kind in list(unknown.items())[:10])
        more = f" and {len(unknown) - 10} more" if len(unknown) > 10 else ""
        raise ValueError(
            f"model_cost cannot count {named}{more}: expected layers of Keras or of nasnet_keras, or with a method "
            f"multiply_adds(input_shape)"
        )
    return LayerCosts(_by_layer(found.values(), shapes[0][0], model))


def _by_layer(found: Iterable[Any], examples: int, model: Any) -> Iterator[LayerCost]:
    """Sum up the calls of each layer; a weight counts once."""
    seen: set[int] = set()
    trainable = {id(weight) for weight in model.trainable_weights}
    for name, layer, outputs, count, calls in found:
        new = [weight for weight in getattr(layer, "weights", ()) if id(weight) not in seen]
        seen |= set(map(id, new))
        sizes = [(math.prod(weight.shape), id(weight) in trainable) for weight in new]
        shape = outputs[0][1:] if outputs else ()
        figures = sum(size for size, _ in sizes), sum(size for size, trained in sizes if trained)
        yield LayerCost(name, type(layer).__name__, shape, *figures, count // examples, calls)


def _symbolic(model: Any, shapes: list[tuple[int, ...]]) -> list[keras.KerasTensor]:
    return [keras.KerasTensor(shape, tensor.dtype) for shape, tensor in zip(shapes, model.inputs, strict=True)]


def _calls(model: Any, inputs: list[Any], before: str) -> list[tuple[str, Any, Call | None]]:
    """Run a model on shapes, and list the calls of layers and operations; those within models and wrappers, too.

    A model or wrapper that is opened follows what is within it, without a call: it may have weights of its own.
    """
    made: list[tuple[str, Any, Call | None]] = []

    def run(operation: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = operation.compute_output_spec(*args, **kwargs)
        name = f"{before}{operation.name}"
        if _is_open(operation):
            given = args[0] if args else kwargs["inputs"]
            made.extend([*_calls(operation, _ordered(operation, given), f"{name}/"), (name, operation, None)])
        else:
            given = [("", x) for x in _tensors(args)]
            given += [(keyword, x) for keyword, value in kwargs.items() for x in _tensors(value)]
            made.extend(_opened(operation, given, _tensors(outputs), name))
        return outputs

    keras.Function(model.inputs, model.outputs)._run_through_graph(inputs, call_fn=run)
    return made


def _is_open(layer: Any) -> bool:
    """Tell whether a layer is a model whose calls are known: functional or sequential, with the `call` of these."""
    owner = next((each for each in type(layer).__mro__ if "call" in vars(each)), object)
    functional = isinstance(layer, keras.Model) and isinstance(getattr(layer, "inputs", None), list)
    return functional and owner.__module__.startswith("keras.")


def _ordered(model: Any, given: Any) -> list[Any]:
    """The tensors that a model is called with, in the order of its inputs."""
    names = [tensor.name for tensor in model.inputs]
    if isinstance(given, Mapping) and set(names) <= set(given):
        return [given[name] for name in names]
    return _tensors(given)


def _opened(
    operation: Any, given: list[tuple[str, Any]], computed: list[Any], name: str
) -> list[tuple[str, Any, Call | None]]:
    """The calls that a call of an operation makes: its own, or those of the layer that it wraps.

    Args:
        given: the tensors that it reads, with the names of those that are keyword arguments.
    """
    if type(operation) in (keras.layers.TimeDistributed, keras.layers.SpectralNormalization):
        if type(operation) is keras.layers.TimeDistributed:
            given = [(keyword, _merged(x)) for keyword, x in given[:1]]  # others are masks
            computed = list(map(_merged, computed))
        inner, within = operation.layer, f"{name}/{operation.layer.name}"
        if _is_open(inner):
            calls = [*_calls(inner, [x for _, x in given], f"{within}/"), (within, inner, None)]
        else:
            calls = _opened(inner, given, computed, within)
        return [*calls, (name, operation, None)]
    shapes = ([tuple(x.shape) for x in each] for each in ((x for _, x in given), computed))
    return [(name, operation, Call(*shapes, [keyword for keyword, _ in given]))]


def _merged(x: Any) -> keras.KerasTensor:
    """Make the steps of a series examples of their own."""
    examples, steps, *rest = x.shape
    return keras.KerasTensor((examples * steps, *rest), x.dtype)


def _tensors(values: Any) -> list[Any]:
    kinds = keras.KerasTensor, np.ndarray
    return [x for x in keras.tree.flatten(values) if isinstance(x, kinds) or keras.ops.is_tensor(x)]


def _input_shapes(model: Any, given: Any) -> list[tuple[int, ...]]:
    """The shapes that a model reads, of one example unless the model has a batch size of its own."""
    own = [tuple(tensor.shape) for tensor in model.inputs]
    names = [tensor.name for tensor in model.inputs]
    if given is None:
        asked = [shape[1:] for shape in own]
    elif isinstance(given, Mapping):
        if set(given) != set(names):
            raise ValueError(f"expected input_shape for {', '.join(names)}, got {', '.join(map(str, given))}")
        asked = [given[name] for name in names]
    else:
        asked = list(given) if len(own) > 1 and isinstance(given, Sequence) else [given]
    if len(asked) != len(own):
        raise ValueError(
            f"the model has {len(own)} inputs: expected as many shapes as input_shape, got {quoted(given)}"
        )
    batch = next((shape[0] for shape in own if shape[0]), 1)
    shapes = []
    for (_, *sizes), wanted in zip(own, asked, strict=True):
        sizes = tuple(sizes)
        shape = tuple(map(integer, wanted)) if isinstance(wanted, Sequence) else ()
        if len(shape) != len(sizes) or not all(size is not None and size > 0 for size in shape):
            raise ValueError(
                f"model_cost needs a known input size: the model reads {sizes}, input_shape is {given}; "
                f"give input_shape={_example(sizes)}"
            )
        if any(fixed is not None and fixed != size for fixed, size in zip(sizes, shape, strict=True)):
            raise ValueError(f"the model reads inputs of {sizes}, which is not input_shape={shape}")
        shapes.append((batch, *shape))
    return shapes


def _example(sizes: tuple[int | None, ...]) -> str:
    return "(height, width, channels)" if len(sizes) == 3 else f"({', '.join(['size'] * len(sizes))},)"

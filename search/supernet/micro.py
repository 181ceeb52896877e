"""The supernet of cells, and the ordinary network of one of its architectures."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from nasnet_keras.genotypes.cells import CURRENT, PREVIOUS, Cell
from nasnet_keras.genotypes.skeleton import ENAS, CellPlan
from nasnet_keras.networks.base import build_head
from nasnet_keras.networks.cell import Feature, build_cell
from nasnet_keras.networks.layer_builder import LayerBuilder
from nasnet_keras.search.spaces.nasnet import CellSpace
from nasnet_keras.search.supernet.cell import SupernetCell

__all__ = ["cell_network", "cell_supernet", "check_adds"]

_EPSILON = 1e-5


def check_adds(space: CellSpace) -> None:
    """Raise a ValueError if blocks of a space do not only add: other combines would need weights of their own."""
    if space.combines != ("add",):
        raise ValueError(f"a supernet's cells only add, got a space with {', '.join(space.combines)}")


def cell_supernet(space: CellSpace, image_shape: tuple[int, int, int], *, seed: int, **network: Any) -> keras.Model:
    """Build a network of three stacks of cells and two reductions. An input picks the cells.

    In a reduction the cell's inputs are halved and doubled in width before it, so that all cells run at stride 1.

    Args:
        space: space of cells that only add.
        image_shape: `(height, width, channels)`.
        seed: seed of the first weights of the cells.
        **network: `num_repeats` (normal cells a stack), `filters` (of the first stack), `classes`, `dropout_rate` and
            `auxiliary_head`.

    Returns:
        A functional model of images `(batch, height, width, channels)` and the space's choices `(decisions,)`, int32,
        to logits, or `{"logits": …, "auxiliary": …}`.

    Raises:
        ValueError: the space does not only add, or the network is too small for its auxiliary head.

    Source: Pham et al. 2018, section 2.4, with the constants of the released code.

    Example:
        >>> space = CellSpace(operations=("identity", "sep_conv_3x3"), num_blocks=1, combines=("add",))
        >>> cell_supernet(space, (8, 8, 1), seed=0, num_repeats=1, filters=4, classes=10).output_shape
        (None, 10)
    """
    check_adds(space)
    image = keras.Input(image_shape, name="image")
    choices = keras.Input(batch_shape=(len(space.decisions),), dtype="int32", name="choices")

    def cell(plan: CellPlan, number: int, current: Any, previous: Any) -> Any:
        layer = SupernetCell(space, plan.role, (seed, number), _EPSILON, name=plan.name)
        return layer([current, previous, choices])

    return keras.Model([image, choices], _network(image, cell, **network), name="cell_supernet")


def cell_network(supernet: keras.Model, space: CellSpace, choices: Sequence[int], **network: Any) -> keras.Model:
    """Build one architecture of a supernet of ordinary layers, with the supernet's weights.

    Args:
        supernet: the result of `cell_supernet`.
        space: its space.
        choices: the architecture.
        **network: the further arguments that `cell_supernet` got.

    Returns:
        A functional model of images, which can be trained, saved and counted by itself. Its moving statistics have not
        been trained: a supernet normalises by the batch.
    """
    genotype = space.decode(choices)
    image = keras.Input(supernet.inputs[0].shape[1:], name="image")

    def cell(plan: CellPlan, number: int, current: Any, previous: Any) -> Any:
        del number
        return _fixed_cell(builder, getattr(genotype, plan.role), plan.name, current, previous)

    builder = LayerBuilder("same", 0.9, _EPSILON)
    model = keras.Model(image, _network(image, cell, **network), name="cell_network")
    layers = {layer.name: layer for layer in model.layers}
    for shared in supernet.layers:
        if not isinstance(shared, SupernetCell):
            if shared.name in layers:
                layers[shared.name].set_weights(shared.get_weights())
            continue
        for layer, weight, value in shared.values(getattr(genotype, shared.role)):
            if f"{shared.name}_{layer}" in layers:  # a cell that no other cell reads is left out
                getattr(layers[f"{shared.name}_{layer}"], weight).assign(value)
    return model


def _network(
    image: Any,
    cell: Callable[[CellPlan, int, Any, Any], Any],
    *,
    num_repeats: int,
    filters: int,
    classes: int,
    dropout_rate: float = 0.0,
    auxiliary_head: bool = False,
) -> Any:
    """The outputs of a network whose cells are made by `cell(plan, number, current, previous)`."""
    builder = LayerBuilder("same", 0.9, _EPSILON)
    plan = ENAS.plan(num_repeats, filters)
    ((_, stem_filters),) = plan.stem
    current = previous = builder.conv(image, stem_filters, (3, 3), name="stem_conv", relu=False)
    outputs = [current]

    def fitted(x: Any, width: int, name: str) -> Any:
        return x if x.shape[-1] == width else builder.conv(x, width, name=name)

    for number, one in enumerate(plan.cells):
        names = f"{one.name}_current", f"{one.name}_previous"
        if one.role == "reduction":
            halved = builder.factorized_reduction(current, one.filters, name=names[0], relu=False)
            earlier = builder.factorized_reduction(current, one.filters, name=names[1])
            output, previous = cell(one, number, halved, earlier), halved
        else:
            inputs = fitted(current, one.filters, names[0]), fitted(previous, one.filters, names[1])
            output, previous = cell(one, number, *inputs), current
        current = output
        outputs.append(output)
    x = builder.relu(current, name="head_relu")
    logits = build_head(builder, x, classes, dropout_rate=dropout_rate, use_bias=ENAS.head_bias)
    if not auxiliary_head:
        return logits
    feature = outputs[plan.auxiliary]
    auxiliary = builder.auxiliary_head(feature, classes, ENAS.auxiliary, name="auxiliary", activation=None)
    return {"logits": logits, "auxiliary": auxiliary}


def _fixed_cell(builder: LayerBuilder, cell: Cell, name: str, current: Any, previous: Any) -> Any:
    """One cell at stride 1, of ordinary layers."""
    filters = current.shape[-1]
    inputs = {CURRENT: Feature(current, 0), PREVIOUS: Feature(previous, 0)}
    made = build_cell(builder, cell, inputs, filters=filters, input_level=0, level=0, calibration="none", name=name)
    return builder.conv(made.tensor, filters, name=f"{name}_narrow")

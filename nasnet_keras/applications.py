"""The named models: a function for each row of `nasnet_keras.networks.named`, with `keras.applications`' signature.

Every function takes `keras.applications`' arguments, in its order, and by name any other of the function that builds
networks of its kind: `NASNetFromGenotype` for cells, `StagesFromGenotype` for MnasNet. `ENASMacro`, a layer-wise
network, has a signature of its own and stands in `nasnet_keras.networks.macro`. Images of the ImageNet models are
scaled to [-1, 1] by `preprocess_input`.

`genotype=` puts another genotype of the same kind into a named model. Cells are stacked as the family that they name or
were published with stacks them, and any others as the model's own.
"""

from collections.abc import Callable
from textwrap import indent
from typing import Any

from nasnet_keras import genotypes
from nasnet_keras.genotypes.cells import Genotype
from nasnet_keras.genotypes.kinds import kind_of
from nasnet_keras.genotypes.reading import resolve_genotype
from nasnet_keras.networks.any import network_from_genotype
from nasnet_keras.networks.macro import ENASMacro
from nasnet_keras.networks.named import MODELS, NamedModel

__all__ = [
    "DARTSCIFAR10",
    "AmoebaNetA",
    "AmoebaNetB",
    "AmoebaNetC",
    "AmoebaNetD",
    "DARTSImageNet",
    "ENASMacro",
    "ENASMicro",
    "MnasNetA1",
    "MnasNetB1",
    "MnasNetD1",
    "MnasNetD1_320",
    "MnasNetSmall",
    "NASNetCIFAR10",
    "NASNetLarge",
    "NASNetMobile",
    "PNASNet5CIFAR10",
    "PNASNet5Large",
    "PNASNet5Mobile",
    "decode_predictions",
    "preprocess_input",
]


_DOCSTRING = """{about}
{notes}
Args:
    input_shape: `(height, width, channels)` of the images, channels last; by default {size}. Height and width may be
        None.
    include_top: whether to end in a classifier. Without, the output is the last map.
    weights: {weights}the path of a `.weights.h5` file that a model of the same arguments saved.
    input_tensor: a Keras tensor to build on.
    pooling: None, `"avg"` or `"max"`, without the classifier.
    classes: number of classes.
    classifier_activation: `"softmax"`, or None for logits.
    name: name of the model.
    **network: further arguments of `{function}`. None stands for the model's own.

Returns:
    A functional `keras.Model`: `(batch, height, width, channels)` to `(batch, classes)`.

Raises:
    ValueError: an argument is not legal; the error says what was expected and what was received.

Source: {source}.
{example}"""


def _function(function: str) -> Callable[..., Any]:
    """The function of a named model, with the signature of `keras.applications`."""
    model = MODELS[function]
    default_weights = "imagenet" if model.published else None
    default_classes = model.arguments.get("classes", 10)

    def build(
        input_shape=None,
        include_top=True,
        weights=default_weights,
        input_tensor=None,
        pooling=None,
        classes=default_classes,
        classifier_activation="softmax",
        name=model.name,
        **network: Any,
    ):
        given = {key: value for key, value in network.items() if value is not None}  # None: the model's own
        given |= {"include_top": include_top, "weights": weights, "pooling": pooling, "classes": classes}
        given |= {"classifier_activation": classifier_activation, "name": name, "input_tensor": input_tensor}
        if input_shape is not None or input_tensor is not None:
            given["input_shape"] = input_shape
        arguments = _arguments(model, given)
        if weights == "imagenet" and model.published is not None:
            return _build_with_imagenet_weights(arguments, model.published)
        return network_from_genotype(**arguments)

    build.__name__ = build.__qualname__ = function
    build.__doc__ = _docstring(model)
    return build


def _arguments(model: NamedModel, given: dict[str, Any]) -> dict[str, Any]:
    """Complete the given arguments to those of `network_from_genotype` for a named model."""
    arguments = {"genotype": model.genotype, **model.arguments, **given}
    if "penultimate_filters" in given and "filters" not in given:
        arguments["filters"] = None
    if "genotype" in given:
        usual = genotypes.get(model.genotype)
        found = arguments["genotype"] = resolve_genotype(given["genotype"], type(usual))
        if isinstance(usual, Genotype) and "skeleton" not in given:
            arguments["skeleton"] = genotypes.skeleton_of(found, genotypes.skeleton_of(usual))
    return arguments


def _docstring(model: NamedModel) -> str:
    return _DOCSTRING.format(
        about=model.about,
        notes=f"\n{model.notes}\n" if model.notes else "",
        size="×".join(map(str, model.arguments.get("input_shape", (32, 32, 3)))),
        function=kind_of(genotypes.get(model.genotype)).function,
        weights='`"imagenet"`, None, or ' if model.published else "None, or ",
        source=model.source,
        example=f"\nExample:\n{indent(model.example, '    ')}\n" if model.example else "",
    )


NASNetCIFAR10 = _function("NASNetCIFAR10")
NASNetMobile = _function("NASNetMobile")
NASNetLarge = _function("NASNetLarge")
PNASNet5CIFAR10 = _function("PNASNet5CIFAR10")
PNASNet5Mobile = _function("PNASNet5Mobile")
PNASNet5Large = _function("PNASNet5Large")
AmoebaNetA = _function("AmoebaNetA")
AmoebaNetB = _function("AmoebaNetB")
AmoebaNetC = _function("AmoebaNetC")
AmoebaNetD = _function("AmoebaNetD")
ENASMicro = _function("ENASMicro")
DARTSCIFAR10 = _function("DARTSCIFAR10")
DARTSImageNet = _function("DARTSImageNet")
MnasNetA1 = _function("MnasNetA1")
MnasNetB1 = _function("MnasNetB1")
MnasNetSmall = _function("MnasNetSmall")
MnasNetD1 = _function("MnasNetD1")
MnasNetD1_320 = _function("MnasNetD1_320")


def preprocess_input(x: Any) -> Any:
    """Scale pixels from 0 to 255 to [-1, 1], as all these models expect.

    Args:
        x: an array, or a tensor of the backend, of any shape; it is not changed.

    Returns:
        The same kind of value; float32 if `x` held integers.

    Example:
        >>> preprocess_input(np.array([0, 255], "uint8")).tolist()
        [-1.0, 1.0]
    """
    import numpy as np
    from keras import ops

    if isinstance(x, np.ndarray):
        return x.astype(x.dtype if np.issubdtype(x.dtype, np.floating) else "float32") / 127.5 - 1.0
    return ops.cast(x, "float32") / 127.5 - 1.0


def decode_predictions(predictions: Any, top: int = 5) -> list[list[tuple[str, str, float]]]:
    """Find the `top` ImageNet classes of each prediction. Keras downloads the names of the classes once.

    Args:
        predictions: `(batch, 1000)` probabilities.
        top: number of classes.

    Returns:
        For each prediction, `(WordNet id, name, probability)` of its classes, the most likely first.

    Raises:
        ValueError: the predictions are not of shape `(batch, 1000)`.
    """
    import keras

    return keras.applications.nasnet.decode_predictions(predictions, top=top)


def _build_with_imagenet_weights(arguments: dict[str, Any], model: str) -> Any:
    """Build NASNet-A mobile or large with the published weights.

    Args:
        arguments: the arguments of `network_from_genotype`.
        model: `"mobile"` or `"large"`.

    Raises:
        ValueError: there are no such weights for these classes or this size of network.
        DownloadError: the file cannot be downloaded; the error says which file to put where.
    """
    include_top = bool(arguments["include_top"])
    if include_top and arguments["classes"] != 1000:
        raise ValueError(
            f"weights='imagenet' with include_top=True needs classes=1000, got {arguments['classes']}; build with "
            f"include_top=False and add a classifier, or with weights=None"
        )
    from nasnet_keras.weights.loading import load_weights  # which imports h5py
    from nasnet_keras.weights.published import PUBLISHED

    built = network_from_genotype(**{**arguments, "weights": None})
    load_weights(built, PUBLISHED[model, include_top].download(), known=True)
    return built

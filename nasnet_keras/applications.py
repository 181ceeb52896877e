"""The named models, with the signature of `keras.applications`.

Every function takes `keras.applications`' arguments, in its order, and any other of `NASNetFromGenotype` by name;
`ENASMacro`, whose network is not of cells, has its own, and stands in `nasnet_keras.networks.macro`. Images of the
ImageNet models are scaled to [-1, 1] by `preprocess_input`.

`genotype=` puts other cells into a named model. They are stacked as the family that they name or were published with
stacks them, and any others as the model's own.
"""

import inspect
from collections.abc import Callable
from typing import Any

from nasnet_keras import genotypes
from nasnet_keras.genotypes.cells import Genotype
from nasnet_keras.genotypes.reading import resolve_genotype
from nasnet_keras.networks.cells import NASNetFromGenotype
from nasnet_keras.networks.macro import ENASMacro

__all__ = [
    "DARTSCIFAR10",
    "AmoebaNetA",
    "AmoebaNetB",
    "AmoebaNetC",
    "AmoebaNetD",
    "DARTSImageNet",
    "ENASMacro",
    "ENASMicro",
    "NASNetCIFAR10",
    "NASNetLarge",
    "NASNetMobile",
    "PNASNet5CIFAR10",
    "PNASNet5Large",
    "PNASNet5Mobile",
    "decode_predictions",
    "preprocess_input",
]

_IMAGENET = {"stem": "imagenet", "classes": 1000, "batch_norm_epsilon": 1e-3}
_MOBILE = {**_IMAGENET, "input_shape": (224, 224, 3)}
_LARGE = {**_IMAGENET, "input_shape": (331, 331, 3)}


def _named(
    function: str, name: str, genotype: str, docstring: str, published: str | None = None, **defaults: Any
) -> Callable[..., Any]:
    """The function `function`, with the signature of `keras.applications`, that builds a genotype with these defaults.

    `published` names the ImageNet weights that there are of it.
    """
    classes = defaults.get("classes", 10)
    default_weights = "imagenet" if published else None

    def build(
        input_shape=None,
        include_top=True,
        weights=default_weights,
        input_tensor=None,
        pooling=None,
        classes=classes,
        classifier_activation="softmax",
        name=name,
        **network: Any,
    ):
        network = {key: value for key, value in network.items() if value is not None}  # None: the model's own
        given = {**network, "include_top": include_top, "weights": weights, "pooling": pooling, "classes": classes}
        given |= {"classifier_activation": classifier_activation, "name": name, "input_tensor": input_tensor}
        if input_shape is not None or input_tensor is not None:
            given["input_shape"] = input_shape
        if "penultimate_filters" in network:
            given.setdefault("filters", None)
        arguments = {"genotype": genotype, **defaults, **given}
        if "skeleton" not in given and "genotype" in given:
            cells = arguments["genotype"] = resolve_genotype(given["genotype"], Genotype)
            arguments["skeleton"] = genotypes.skeleton_of(cells, genotypes.skeleton_of(genotypes.get(genotype)))
        if weights == "imagenet" and published is not None:
            return _build_with_imagenet_weights(arguments, published)
        return NASNetFromGenotype(**arguments)

    build.__name__ = build.__qualname__ = function
    build.__doc__ = inspect.cleandoc(docstring)
    return build


NASNetCIFAR10 = _named(
    "NASNetCIFAR10",
    "nasnet_cifar10",
    "nasnet_a",
    """NASNet-A (6 @ 768) for 32×32 images: N=6, F=32, 3.3 million parameters.

    Source: Zoph et al. 2018, table 1.

    Example:
        >>> NASNetCIFAR10(num_repeats=1, filters=4).output_shape
        (None, 10)
    """,
)
NASNetMobile = _named(
    "NASNetMobile",
    "nasnet_mobile",
    "nasnet_a",
    """NASNet-A (4 @ 1056) for 224×224 images: N=4, F=44, 5.3 million parameters, 564 million multiply-adds.

    The borders are those of `keras.applications`; `padding="same"` gives TF-Slim's. `weights="imagenet"` downloads
    Keras' published weights. Source: Zoph et al. 2018, table 3.

    Example:
        >>> NASNetMobile(weights=None, include_top=False, pooling="avg").output_shape
        (None, 1056)
    """,
    **_MOBILE,
    num_repeats=4,
    filters=44,
    padding="keras",
    published="mobile",
)
NASNetLarge = _named(
    "NASNetLarge",
    "nasnet_large",
    "nasnet_a",
    """NASNet-A (6 @ 4032) for 331×331 images: N=6, F=168, 88.8 million parameters, 23.8 billion multiply-adds.

    The borders are those of `keras.applications`; `padding="same"` gives TF-Slim's. `weights="imagenet"` downloads
    Keras' published weights. Source: Zoph et al. 2018, table 2.
    """,
    **_LARGE,
    num_repeats=6,
    filters=168,
    stem_filters=96,
    skip_reduction_input=True,
    padding="keras",
    published="large",
)
PNASNet5CIFAR10 = _named(
    "PNASNet5CIFAR10",
    "pnasnet_5_cifar10",
    "pnasnet_5",
    """PNASNet-5 for 32×32 images: N=3, F=48, 3.2 million parameters. Source: Liu et al. 2018, table 2.""",
    num_repeats=3,
    filters=48,
)
PNASNet5Mobile = _named(
    "PNASNet5Mobile",
    "pnasnet_5_mobile",
    "pnasnet_5",
    """PNASNet-5 for 224×224 images: N=3, F=54, 5.1 million parameters. Source: Liu et al. 2018, table 4.""",
    **_MOBILE,
    num_repeats=3,
    filters=54,
)
PNASNet5Large = _named(
    "PNASNet5Large",
    "pnasnet_5_large",
    "pnasnet_5",
    """PNASNet-5 for 331×331 images: N=4, F=216, 86 million parameters. Source: Liu et al. 2018, table 5.""",
    **_LARGE,
    num_repeats=4,
    filters=216,
    stem_filters=96,
)
AmoebaNetA = _named(
    "AmoebaNetA",
    "amoebanet_a",
    "amoebanet_a",
    """AmoebaNet-A for 331×331 images: N=6, F=190, 86.7 million parameters. Source: Real et al. 2019, table 2.""",
    **_LARGE,
    num_repeats=6,
    filters=190,
)
AmoebaNetB = _named(
    "AmoebaNetB",
    "amoebanet_b",
    "amoebanet_b",
    """AmoebaNet-B for 224×224 images: N=3, F=62, 5.3 million parameters. Source: Real et al. 2019, appendix.""",
    **_MOBILE,
    num_repeats=3,
    filters=62,
)
AmoebaNetC = _named(
    "AmoebaNetC",
    "amoebanet_c",
    "amoebanet_c",
    """AmoebaNet-C for 224×224 images: N=4, F=50, 6.4 million parameters. Source: Real et al. 2019, appendix.""",
    **_MOBILE,
    num_repeats=4,
    filters=50,
)
AmoebaNetD = _named(
    "AmoebaNetD",
    "amoebanet_d",
    "amoebanet_d",
    """AmoebaNet-D for 224×224 images: N=4, F=256, 84 million parameters, as the TPU code's defaults have it.

    Source: Real et al. 2019, appendix; the released code.
    """,
    **_MOBILE,
    num_repeats=4,
    filters=256,
)
ENASMicro = _named(
    "ENASMicro",
    "enas_micro",
    "enas_micro",
    """ENAS micro for 32×32 images: 15 layers, F=36, 3.9 million parameters. Source: Pham et al. 2018, section 3.2.""",
    num_repeats=5,
    filters=36,
)
DARTSCIFAR10 = _named(
    "DARTSCIFAR10",
    "darts_cifar10",
    "darts_v2",
    """DARTS (second order) for 32×32 images: 20 cells, F=36, 3.3 million parameters.

    Source: Liu et al. 2019, table 1.
    """,
    filters=36,
)
DARTSImageNet = _named(
    "DARTSImageNet",
    "darts_imagenet",
    "darts_v2",
    """DARTS (second order) for 224×224 images: 14 cells, F=48, 4.7 million parameters.

    Source: Liu et al. 2019, table 3. The released code's batch-normalisation epsilon is 1e-5.
    """,
    **{**_MOBILE, "batch_norm_epsilon": 1e-5},
    num_repeats=4,
    filters=48,
)


def preprocess_input(x: Any) -> Any:
    """Scale pixels from 0 to 255 to [-1, 1], as all these models expect.

    Args:
        x: an array, or a tensor of the backend, of any shape; it is not changed.

    Returns:
        The same kind of value, float32 where `x` held integers.

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
    """The `top` ImageNet classes of each prediction, as `(WordNet id, name, probability)`.

    Keras' own, which downloads the names of the classes once.

    Raises:
        ValueError: the predictions are not of shape `(batch, 1000)`.
    """
    import keras

    return keras.applications.nasnet.decode_predictions(predictions, top=top)


def _build_with_imagenet_weights(arguments: dict[str, Any], model: str) -> Any:
    """Build NASNet-A mobile or large with the published weights.

    Args:
        arguments: of `NASNetFromGenotype`.
        model: `"mobile"` or `"large"`.

    Raises:
        ValueError: there are no such weights for these classes or this size of network.
        DownloadError: the file cannot be had; the error says which one to put where.
    """
    include_top = bool(arguments["include_top"])
    if include_top and arguments["classes"] != 1000:
        raise ValueError(
            f"weights='imagenet' with include_top=True needs classes=1000, got {arguments['classes']}; build with "
            f"include_top=False and add a classifier, or with weights=None"
        )
    from nasnet_keras.weights.loading import load_weights  # which imports h5py
    from nasnet_keras.weights.published import PUBLISHED

    built = NASNetFromGenotype(**{**arguments, "weights": None})
    load_weights(built, PUBLISHED[model, include_top].download(), known=True)
    return built

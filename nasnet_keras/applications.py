"""The named models, with the signature of `keras.applications`."""

from typing import Any

from nasnet_keras.network import NASNetFromGenotype

__all__ = ["NASNetCIFAR10", "NASNetLarge", "NASNetMobile"]

_IMAGENET_EPSILON = 1e-3


def NASNetCIFAR10(
    input_shape=None,
    include_top=True,
    weights=None,
    input_tensor=None,
    pooling=None,
    classes=10,
    classifier_activation="softmax",
    name="nasnet_cifar10",
    **network: Any,
):
    """NASNet-A (6 @ 768) for 32×32 images: N=6, F=32, 3.3 million parameters.

    The arguments are those of `keras.applications`, and any other of `NASNetFromGenotype` in `network`.
    Source: Zoph et al. 2018, table 1.

    Example:
        >>> NASNetCIFAR10(num_repeats=1, filters=4).output_shape
        (None, 10)
    """
    return _nasnet_a(locals(), num_repeats=6)


def NASNetMobile(
    input_shape=None,
    include_top=True,
    weights=None,
    input_tensor=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="nasnet_mobile",
    **network: Any,
):
    """NASNet-A (4 @ 1056) for 224×224 images: N=4, F=44, 5.3 million parameters, 564 million multiply-adds.

    The arguments are those of `keras.applications`, and any other of `NASNetFromGenotype` in `network`. The borders
    are those of `keras.applications`; `padding="same"` gives TF-Slim's. Images are scaled to [-1, 1].
    Source: Zoph et al. 2018, table 3.

    Example:
        >>> NASNetMobile(include_top=False, pooling="avg").output_shape
        (None, 1056)
    """
    return _nasnet_a(
        locals(), num_repeats=4, filters=44, stem="imagenet", padding="keras", batch_norm_epsilon=_IMAGENET_EPSILON
    )


def NASNetLarge(
    input_shape=None,
    include_top=True,
    weights=None,
    input_tensor=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="nasnet_large",
    **network: Any,
):
    """NASNet-A (6 @ 4032) for 331×331 images: N=6, F=168, 88.8 million parameters, 23.8 billion multiply-adds.

    The arguments are those of `keras.applications`, and any other of `NASNetFromGenotype` in `network`. The borders
    are those of `keras.applications`; `padding="same"` gives TF-Slim's. Images are scaled to [-1, 1].
    Source: Zoph et al. 2018, table 2.
    """
    arguments = locals()
    if input_shape is None and input_tensor is None:
        arguments["input_shape"] = (331, 331, 3)
    return _nasnet_a(
        arguments,
        num_repeats=6,
        filters=168,
        stem="imagenet",
        stem_filters=96,
        skip_reduction_input=True,
        padding="keras",
        batch_norm_epsilon=_IMAGENET_EPSILON,
    )


def _nasnet_a(arguments: dict[str, Any], **defaults: Any) -> Any:
    """A NASNet-A from a named model's arguments over its configuration."""
    network = arguments.pop("network")
    if "penultimate_filters" in network:
        defaults.pop("filters", None)
    return NASNetFromGenotype("nasnet_a", **{**defaults, **arguments, **network})

"""A trained model → an equal, faster one for inference."""

import keras

from nasnet_keras.inference.described import describe, description_of
from nasnet_keras.inference.graph import Input, Node, Passthrough, rewrite
from nasnet_keras.inference.passes import passed
from nasnet_keras.inference.preprocessing import PREPROCESSING, RESIZING
from nasnet_keras.inference.reading import read
from nasnet_keras.inference.targets import TENSORFLOW, Target
from nasnet_keras.inference.writing import write

__all__ = ["fuse_for_inference", "fused"]


def fuse_for_inference(model: keras.Model) -> keras.Model:
    """Turn a trained model into an equal, faster one for inference.

    Batch normalisation becomes part of the convolutions, and so does a ReLU if nothing else reads its convolution.
    ReLUs and pools that read the same tensor are merged. Drop-path, dropout and the auxiliary head are left out.

    Args:
        model: functional or sequential, from `NASNetFromGenotype`, `nasnet_keras.applications` or `pretrained.load`,
            alone or with layers before and after it.

    Returns:
        A functional model with the same input and one output; of a model with an auxiliary head, the logits. It
        computes in float32 and cannot be trained. On TensorFlow, compiled functions and `predict` keep the weights
        that the model has at their first call: to change weights, change those of `model` and fuse again.

    Raises:
        ValueError: the model has several inputs or outputs, or a layer that cannot be fused; the error names it.

    Example:
        >>> from nasnet_keras import NASNetFromGenotype
        >>> model = NASNetFromGenotype("nasnet_a", (16, 16, 3), num_repeats=1, filters=4)
        >>> images = np.ones((2, 16, 16, 3), "float32")
        >>> bool(np.allclose(fuse_for_inference(model)(images), model(images), atol=1e-5))
        True
    """
    made = fused(model, TENSORFLOW)
    describe(made, description_of(model))
    return made


def fused(model: keras.Model, target: Target, preprocessing: bool = True) -> keras.Model:
    """Fuse a model for a target, perhaps without the layers that rescale images; see `fuse_for_inference`."""
    graph = read(model)
    if not preprocessing:
        graph = _without_preprocessing(graph)
    return write(passed(graph, target), f"{model.name}_fused", target)


def _without_preprocessing(output: Node) -> Node:
    """Leave out the layers that rescale or normalize the image, before or after it is resized."""

    def rule(old: Node, new: Node) -> Node:
        del old
        left_out = isinstance(new, Passthrough) and isinstance(new.layer, PREPROCESSING) and _is_image(new.x)
        return new.x if left_out else new

    return rewrite(output, rule)


def _is_image(node: Node) -> bool:
    """Tell whether a node is the image that the model reads, perhaps resized."""
    while isinstance(node, Passthrough) and isinstance(node.layer, RESIZING):
        node = node.x
    return isinstance(node, Input)

"""The form in which a model is written for a runtime: fused for it, or as it is."""

from dataclasses import dataclass

import keras
from absl import logging

from nasnet_keras.inference.errors import ExportError, FusionError
from nasnet_keras.inference.fusing import fused
from nasnet_keras.inference.targets import Target

__all__ = ["Form", "form_of"]


@dataclass(frozen=True, eq=False)
class Form:
    """A model that is written for a runtime.

    Attributes:
        model: of one input and one output.
        unfused: why it is the model as it was given; None if it is a fused one.
    """

    model: keras.Model
    unfused: str | None = None


def form_of(model: keras.Model, target: Target, preprocessing: bool = True) -> Form:
    """Fuse a model for a target; if it has something that cannot be fused, take it as it is, and warn of that.

    Args:
        model: functional or sequential.
        target: the runtime.
        preprocessing: whether to keep the layers that rescale images, which only fusing can leave out.

    Raises:
        FusionError: the model is no functional or sequential one of one input and one output.
        ExportError: preprocessing is to be left out of a model that cannot be fused.
    """
    try:
        return Form(fused(model, target, preprocessing))
    except FusionError as error:
        plain = _plain(model)
        if plain is None:
            raise
        if not preprocessing:
            raise ExportError(f"preprocessing=False is for models that can be fused: {error}") from error
        logging.warning("The model %r is written as it is, without being fused: %s", model.name, error)
        return Form(plain, str(error))


def _plain(model: keras.Model) -> keras.Model | None:
    """A model with the only output, or that of the logits; None if there are several, or it is no such model."""
    inputs = getattr(model, "inputs", None)
    if not isinstance(model, keras.Model) or not isinstance(inputs, list) or len(inputs) != 1:
        return None
    outputs = model.outputs if isinstance(model, keras.Sequential) else model.output
    if isinstance(outputs, dict) and "logits" in outputs:
        return keras.Model(inputs[0], outputs["logits"], name=model.name)
    return model if len(model.outputs) == 1 else None

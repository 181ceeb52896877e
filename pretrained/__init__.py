"""Trained models: load them by name, fine-tune them, and classify images with them.

    from nasnet_keras import pretrained
    model = pretrained.load("amoebanet_d_tiny_imagenet")  # reads images as they come, 0 to 255

Names resolve when they are first used, so that flags and settings come before TensorFlow.
"""

from nasnet_keras.utils.lazy import resolving

_EXPORTS = {
    "Classifier": "prediction",
    "FineTuneResult": "fine_tuning",
    "Prediction": "prediction",
    "Predictions": "prediction",
    "card": "listing",
    "fine_tune": "fine_tuning",
    "list_models": "listing",
    "load": "registry",
    "predict": "prediction",
    "verify": "verifying",
}

__all__ = sorted(_EXPORTS)


__getattr__, __dir__ = resolving(__name__, _EXPORTS)

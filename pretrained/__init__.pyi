"""The names of nasnet_keras.pretrained, for editors and type checkers. `tools/make_stubs.py` writes it."""

from nasnet_keras.pretrained.fine_tuning import FineTuneResult as FineTuneResult
from nasnet_keras.pretrained.fine_tuning import fine_tune as fine_tune
from nasnet_keras.pretrained.listing import card as card
from nasnet_keras.pretrained.listing import list_models as list_models
from nasnet_keras.pretrained.prediction import Classifier as Classifier
from nasnet_keras.pretrained.prediction import Prediction as Prediction
from nasnet_keras.pretrained.prediction import Predictions as Predictions
from nasnet_keras.pretrained.prediction import predict as predict
from nasnet_keras.pretrained.registry import load as load
from nasnet_keras.pretrained.verifying import verify as verify

__all__ = [
    "Classifier",
    "FineTuneResult",
    "Prediction",
    "Predictions",
    "card",
    "fine_tune",
    "list_models",
    "load",
    "predict",
    "verify",
]

"""What the search needs of Keras."""

import os

__all__ = ["require_tensorflow"]


def require_tensorflow() -> None:
    """Import Keras, and see that it runs on TensorFlow.

    Raises:
        ValueError: it runs on another backend.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # a user's keras.json may name another
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"the search trains its children and its controller on TensorFlow, and Keras runs on "
            f"{keras.backend.backend()!r}: set KERAS_BACKEND=tensorflow"
        )

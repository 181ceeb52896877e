"""What the search needs of Keras."""

__all__ = ["require_tensorflow"]


def require_tensorflow() -> None:
    """See that Keras runs on TensorFlow.

    Raises:
        ValueError: it runs on another backend.
    """
    import keras  # here, so that flags and settings come before it

    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "children and controllers run on TensorFlow, and Keras was started with "
            f"{keras.backend.backend()!r}: set KERAS_BACKEND=tensorflow"
        )

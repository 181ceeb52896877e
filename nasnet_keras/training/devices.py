"""Which devices a training runs on: the one place that decides it, for jobs, fine-tuning, finalists and children."""

import keras
from absl import logging

from nasnet_keras.training.replicas import Replicas
from nasnet_keras.utils.environment import accelerators

__all__ = ["default_replicas"]


def default_replicas(batch_size: int, synchronized_batch_norm: bool = True) -> Replicas:
    """All GPUs that this process sees on TensorFlow; on other backends, the one device that Keras uses.

    A batch is divided equally, so the result does not depend on the number of devices. If a batch does not divide
    by all of them, fewer are used. A warning tells of GPUs that stay idle. Without GPUs, the processors are used that
    TensorFlow sees: one, unless the program has split it into several logical ones.

    Args:
        batch_size: number of images in a batch, over all devices.
        synchronized_batch_norm: see `Mirrored`.

    Example:
        >>> default_replicas(batch_size=1).count
        1
    """
    if keras.backend.backend() != "tensorflow":
        if (idle := len(accelerators())) > 1:
            logging.warning(
                "training runs on one of %d GPUs: Keras is on %s, and several are used on TensorFlow only",
                *(idle, keras.backend.backend()),
            )
        return Replicas()
    import tensorflow as tf

    devices = [device.name for device in tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")]
    count = max(number for number in range(1, len(devices) + 1) if batch_size % number == 0)
    if count < len(devices):
        logging.warning(
            "training runs on %d of %d devices: a batch of %d images does not divide by more",
            *(count, len(devices), batch_size),
        )
    if count == 1:
        return Replicas()
    from nasnet_keras.training.mirrored import Mirrored  # imports TensorFlow, which other backends do without

    return Mirrored(devices[:count], synchronized_batch_norm)

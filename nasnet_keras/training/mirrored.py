"""Several replicas under TensorFlow's `MirroredStrategy`."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import tensorflow as tf

from nasnet_keras.layers.normalization import synchronized
from nasnet_keras.training.replicas import Replicas

__all__ = ["Mirrored"]


class Mirrored(Replicas):
    """A replica on each of several devices of this machine.

    Args:
        devices: names of TensorFlow's logical devices, such as `"/gpu:0"`.
        synchronized_batch_norm: whether batch normalisation sees the whole batch in training, as on one device, or
            each replica's share alone. It costs a transfer for each layer.
    """

    def __init__(self, devices: Sequence[str], synchronized_batch_norm: bool = False) -> None:
        processors = any("cpu" in device.lower() for device in devices)
        transfers = tf.distribute.ReductionToOneDevice() if processors else None  # of GPUs, NCCL's
        self._strategy = tf.distribute.MirroredStrategy(devices, transfers)
        self._synchronized = synchronized_batch_norm
        self.count = self._strategy.num_replicas_in_sync

    def compiled(
        self, function: Callable[..., Any], static: tuple[str, ...] = (), xla: bool = True
    ) -> Callable[..., Any]:
        del static, xla  # a `tf.function` is compiled for each value anyway, and XLA does not know replicas

        @tf.function(autograph=False)
        def run(*arguments, **settings):
            return self._strategy.run(function, arguments, settings)

        return run

    def scatter(self, batch: np.ndarray) -> Any:
        parts = np.split(batch, self.count)
        return self._distributed(lambda replica: parts[replica])

    def replicate(self, value: np.ndarray) -> Any:
        return self._distributed(lambda replica: value)

    def _distributed(self, value_of: Callable[[int], np.ndarray]) -> Any:
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(value_of(context.replica_id_in_sync_group))
        )

    def first(self, value: Any) -> Any:
        return self._strategy.experimental_local_results(value)[0]

    def index(self) -> Any:
        return tf.distribute.get_replica_context().replica_id_in_sync_group

    def mean(self, vector: Any) -> Any:
        return tf.distribute.get_replica_context().all_reduce("mean", vector)

    def normalizing(self) -> AbstractContextManager[None]:
        return synchronized(self.mean) if self._synchronized else nullcontext()

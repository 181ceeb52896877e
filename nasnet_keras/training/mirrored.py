"""A training step under TensorFlow's `MirroredStrategy`."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import tensorflow as tf

from nasnet_keras.layers.normalization import synchronized
from nasnet_keras.training.devices import Replicas, xla_serves

__all__ = ["Mirrored", "all_devices"]


def all_devices() -> tf.distribute.MirroredStrategy:
    """The strategy over all visible GPUs, or over the processor."""
    if tf.config.list_logical_devices("GPU"):
        return tf.distribute.MirroredStrategy()
    return tf.distribute.MirroredStrategy(["/cpu:0"], tf.distribute.ReductionToOneDevice())


class Mirrored(Replicas):
    """The replicas of a strategy.

    Args:
        strategy: synchronous, within one machine.
        synchronized_batch_norm: whether batch normalisation sees the whole batch in training, as on one device, and
            not each replica its share alone. It costs a transfer a layer.
    """

    def __init__(self, strategy: tf.distribute.Strategy, synchronized_batch_norm: bool = False) -> None:
        self._strategy = strategy
        self._synchronized = synchronized_batch_norm
        self.count = strategy.num_replicas_in_sync

    def compiled(
        self, function: Callable[..., Any], static: tuple[str, ...] = (), xla: bool = True
    ) -> Callable[..., Any]:
        xla = xla and self.count == 1 and xla_serves()  # XLA does not know replicas

        @tf.function(autograph=False, jit_compile=xla)
        def run(*arguments, **settings):
            return self._strategy.run(function, arguments, settings)

        return run

    def scatter(self, batch: np.ndarray) -> Any:
        parts = np.split(batch, self.count)
        return self._distributed(lambda replica: parts[replica])

    def replicate(self, value: np.ndarray) -> Any:
        return self._distributed(lambda replica: value)

    def _distributed(self, value_of: Callable[[int], np.ndarray]) -> Any:
        if self.count == 1:  # a distributed value of one replica would be traced once more than what a step returns
            return tf.constant(value_of(0))
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(value_of(context.replica_id_in_sync_group))
        )

    def first(self, value: Any) -> Any:
        return self._strategy.experimental_local_results(value)[0]

    def index(self) -> Any:
        return tf.distribute.get_replica_context().replica_id_in_sync_group

    def mean(self, vector: Any) -> Any:
        return tf.distribute.get_replica_context().all_reduce("mean", vector) if self.count > 1 else vector

    def normalizing(self) -> AbstractContextManager[None]:
        return synchronized(self.mean) if self._synchronized and self.count > 1 else nullcontext()

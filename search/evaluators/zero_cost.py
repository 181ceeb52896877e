"""Children that are not trained: a zero-cost proxy scores them."""

from typing import Any

import numpy as np
import tensorflow as tf

from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.evaluators.child import ChildEvaluator
from nasnet_keras.search.proxies import PROXIES
from nasnet_keras.search.proxies.subject import Subject
from nasnet_keras.training.backend import make_deterministic

__all__ = ["ZeroCostEvaluator"]


class ZeroCostEvaluator(ChildEvaluator):
    """Scores children by a zero-cost proxy; finalists are trained as those of `ChildEvaluator` are.

    The reward is the score of the child's network with random weights, on one batch of the training images that
    children see, the same for all. It is a number from 0 on a scale of the proxy's own, and no accuracy.

    Args:
        config: a configuration with a `proxy`.

    Raises:
        ValueError: `ChildEvaluator` raises it, or there are fewer training images than a batch has.
    """

    def __init__(self, config: SearchConfig) -> None:
        super().__init__(config)
        train, count = self._proxy.train, config.proxy_images
        if len(train) < count:
            raise ValueError(
                f"proxy_images={count}: {self._dataset.source} has {len(train)} training images for children, and a "
                f"proxy needs a whole batch"
            )
        chosen = np.random.default_rng(config.seed).permutation(len(train))[:count]
        self._batch = train.images[np.sort(chosen)]

    def evaluate(self, genotype: Any, seed: int) -> tuple[float, dict[str, Any]]:
        self._begin()
        proxy = self._config.proxy
        if self._config.deterministic:
            make_deterministic()
        network = self._training(genotype, seed).network(self._proxy)
        try:
            score = PROXIES[proxy](Subject(genotype, self._batch, seed, network))
        except tf.errors.ResourceExhaustedError as error:
            raise MemoryError(str(error)) from None
        return score, {proxy: score, **self.counted(genotype)}

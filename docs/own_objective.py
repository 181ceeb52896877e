"""An objective of one's own: accuracy, less one point for each doubling of the parameters beyond 20,000."""

import math


def score(figures):
    """The reward of a child, from its metrics and costs by name; higher is better."""
    doublings = math.log2(figures["parameters"] / 20_000)
    return figures["validation_accuracy"] - 0.01 * max(0.0, doublings)

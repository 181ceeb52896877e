"""Proxies that are counted from the description of a network: nothing is built, and no image is read."""

from nasnet_keras.search.proxies.subject import Subject

__all__ = ["multiply_adds", "parameters"]


def parameters(subject: Subject) -> float:
    """Count all weights, as the cost `parameters` does: batch normalisation's moving statistics are among them."""
    return float(subject.cost.parameters)


def multiply_adds(subject: Subject) -> float:
    """Count the multiply-adds of convolutions and dense layers for one image."""
    return float(subject.cost.multiply_adds)

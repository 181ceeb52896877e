"""Objectives as a user has them in a module of their own."""

import math


def cheap(figures):
    """Accuracy, less a hundredth for each doubling of the parameters."""
    return figures["validation_accuracy"] - 0.01 * math.log2(figures["parameters"])


def negative(figures):
    """Below 0 for all children."""
    return figures["validation_accuracy"] - 2.0


def small(figures):
    """Fails for large networks alone."""
    return 1 / 0 if figures["parameters"] > 120_000 else figures["reward"]


def of_loss(figures):
    """Reads what only children have."""
    return -figures["loss"]


def unfinished(figures):
    """Returns nothing."""


def endless(figures):
    """Is no finite number."""
    return float("inf")


def of_pairs(figures):
    """For evaluators of one's own."""
    return figures["reward"] - figures["parameters"] / 10


def of_proxy(figures):
    """A proxy of children, and the accuracy of finalists."""
    return figures.get("naswot", figures.get("validation_accuracy"))


def by_test(figures):
    """Would choose the winner by test images."""
    return figures["reward"] + 100 * ("test_accuracy" in figures)


NUMBER = 3.0


class Scores:
    """A function within a class."""

    @staticmethod
    def best(figures):
        """The reward itself."""
        return figures["reward"]

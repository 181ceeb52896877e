"""The loss of a training step and its minimisation, as a value."""

from dataclasses import dataclass

__all__ = ["StepConfig"]


@dataclass(frozen=True)
class StepConfig:
    """The loss of a training step and its minimisation.

    Attributes:
        label_smoothing: share of the target spread over all classes, in [0, 1).
        auxiliary_weight: weight of the auxiliary head's loss.
        weight_decay: times half the sum of squares of the kernels is added to the loss.
        clip_norm: largest norm of the whole gradient, with the decay's and without that of Muon's kernels; None for no
            clipping.
        momentum: Nesterov's.
        muon: the share of its norm by which Muon turns the kernel of a convolution, as a multiple of the learning rate;
            0 to descend as the other weights do. Such kernels do not decay.
        sam_radius: how far uphill the gradient is taken, relative to each weight; 0 to take it at the weights
            themselves. Weights in a sharp minimum are then left for a flatter one (SAM: Foret et al. 2021, arXiv
            2010.01412, made relative by ASAM: Kwon et al. 2021, arXiv 2102.11600, whose radius is 0.5 for CIFAR-10).
            A step takes twice the work.
        class_weights: by label; the loss of an image counts this much more.
        frozen_statistics: whether batches are normalised by the moving statistics, which then stay as they are.
        batch_statistics: whether batches are normalised by their own statistics when the model is judged, too: the
            moving ones of a supernet are those of all its networks together.
    """

    label_smoothing: float = 0.0
    auxiliary_weight: float = 0.4
    weight_decay: float = 0.0
    clip_norm: float | None = None
    momentum: float = 0.9
    muon: float = 0.0
    sam_radius: float = 0.0
    class_weights: tuple[float, ...] | None = None
    frozen_statistics: bool = False
    batch_statistics: bool = False

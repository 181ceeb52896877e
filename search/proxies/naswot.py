"""NASWOT: how differently the ReLUs of a network see the images of a batch."""

import numpy as np
import tensorflow as tf

from nasnet_keras.search.proxies.subject import Subject
from nasnet_keras.training.errors import DivergedError

__all__ = ["hamming_kernel", "log_determinant", "naswot"]


def naswot(subject: Subject) -> float:
    """Compute the logarithm of the determinant of the kernel of all ReLUs' codes.

    An image's code has a bit for each value that a ReLU reads: whether it is positive. The kernel of two images is the
    number of bits that are equal. The network has its first weights, and batch normalisation is by the batch.

    Returns:
        A number from 0, since the kernel is a positive matrix of whole numbers, whose determinant is one, too.

    Raises:
        DivergedError: the kernel is singular, as if two images have the same code: its logarithm is infinite.

    Source: Mellor et al. 2021 (arXiv 2006.04647v3), section 3. A map that several operations read counts once for each
    of their ReLUs, as in the paper's code.
    """
    return log_determinant(hamming_kernel(subject))


def hamming_kernel(subject: Subject) -> np.ndarray:
    """Compute the kernel, float64 of whole numbers, `(count, count)`."""
    count = len(subject.images)
    agreement, bits = np.zeros((count, count)), 0

    def relu(x: tf.Tensor) -> tf.Tensor:
        nonlocal agreement, bits
        signs = tf.reshape(tf.where(x > 0, 1.0, -1.0), (count, -1))
        agreement += tf.matmul(signs, signs, transpose_b=True).numpy()  # exact: a map has less than 2**24 values
        bits += signs.shape[-1]
        return tf.nn.relu(x)

    subject.logits(subject.scaled, relu=relu)
    return (bits + agreement) / 2


def log_determinant(kernel: np.ndarray) -> float:
    """Compute the logarithm of the determinant of a positive matrix.

    Raises:
        DivergedError: the matrix is singular to the precision of float64.
    """
    values = np.linalg.eigvalsh(kernel)
    if values[0] <= len(values) * np.finfo(np.float64).eps * max(values[-1], 1.0):
        raise DivergedError("the kernel of the ReLUs' codes is singular: to the network some images look alike")
    return float(np.log(values).sum())

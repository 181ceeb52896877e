"""Muon: orthogonal updates of kernels, and what they leave alone."""

import math

import numpy as np
import pytest
from helpers import SMALL_GENOTYPE, small_batch

from nasnet_keras import NASNetFromGenotype
from nasnet_keras.training.muon import Muon, orthogonalized
from nasnet_keras.training.step import StepConfig, TrainStep

RATE, MUON = 0.05, 0.4


@pytest.mark.parametrize("shape", [(3, 4, 4), (2, 24, 7), (2, 5, 60), (1, 9, 1), (4, 1, 12)])
def test_orthogonalized_matrices_keep_their_directions(shape, generator):
    matrices = generator.normal(size=shape).astype("float32") * 1e-3
    found = np.asarray(orthogonalized(matrices))
    values = np.linalg.svd(found, compute_uv=False)
    # The iteration brings very small singular values up slowly; random square matrices have some.
    assert values.max() < 1.3 and np.median(values) > 0.6
    left, _, right = np.linalg.svd(matrices, full_matrices=False)
    aligned = np.einsum("nij,nij->n", found, left @ right) / min(shape[1:])
    assert aligned.min() > 0.5


def test_matrices_in_one_batch_do_not_change_each_other(generator):
    shapes = [
        (3, 3, 4, 8),
        (16,),
        (1, 1, 8, 8),
        (3, 3, 8, 1),
        (1, 7, 8, 32),
        (1, 1, 40, 8),
        (3, 3, 64, 64),
        (1, 1, 5, 2),
    ]
    shapes += [(3, 3, 64, 64), (1, 1, 8, 8), (1, 1, 1, 3)]
    sizes = [math.prod(shape) for shape in shapes]
    parameters, direction = generator.normal(size=(2, sum(sizes))).astype("float32")
    muon = Muon(shapes)
    assert len(muon._batches) == 2, "the small ones together, and the large ones"
    found = np.asarray(muon.kernel_values(parameters, direction, 0.1))
    parts = (np.split(vector, np.cumsum(sizes)[:-1]) for vector in (parameters, direction, found, muon.kernels))
    for shape, before, step, after, kernel in zip(shapes, *parts, strict=True):
        if not kernel.any():
            continue
        matrix, along = (values.reshape(1, -1, shape[-1]) for values in (before, step))
        norm = np.linalg.norm(matrix)
        turned = matrix - 0.1 * norm / math.sqrt(min(matrix.shape[1:])) * np.asarray(orthogonalized(along))
        turned *= norm / np.linalg.norm(turned)
        np.testing.assert_allclose(after.reshape(turned.shape), turned, atol=1e-5)


def test_a_step_turns_kernels_and_descends_with_the_rest(generator):
    images, labels = small_batch(generator)
    network = {"num_repeats": 1, "filters": 4, "classes": 5, "classifier_activation": None}
    model = NASNetFromGenotype(SMALL_GENOTYPE, (16, 16, 3), **network)
    shapes = [tuple(v.shape) for v in model.trainable_variables]
    kernels = [len(shape) == 4 and shape[-1] > 1 for shape in shapes]
    assert any(kernels) and not all(kernels)
    ends = np.cumsum([math.prod(shape) for shape in shapes])[:-1]

    start = np.split(np.concatenate([v.numpy().ravel() for v in model.trainable_variables]), ends)

    def after(steps, **changes):
        stepper = TrainStep(model, StepConfig(weight_decay=1e-2, **changes))
        state = stepper.initial()
        for _ in range(steps):
            state, _ = stepper.step(state, images, labels, learning_rate=RATE)
        return np.split(stepper.to_arrays(state)["parameters"], ends)

    once, twice, plain = after(1, muon=MUON), after(2, muon=MUON), after(1)
    for shape, kernel, before, first, second, descended in zip(shapes, kernels, start, once, twice, plain, strict=True):
        if not kernel:
            np.testing.assert_allclose(first, descended, atol=1e-6)
            continue
        norm = np.linalg.norm(before)
        assert np.linalg.norm(first) == pytest.approx(norm, rel=1e-4) == pytest.approx(np.linalg.norm(second), rel=1e-4)
        turned = np.linalg.norm(second - first) / norm
        assert 0.3 * RATE * MUON < turned < 1.5 * RATE * MUON, (shape, turned)
    assert [k.tolist() for k in np.split(Muon(shapes).kernels, ends)] == [
        [float(kernel)] * math.prod(shape) for shape, kernel in zip(shapes, kernels, strict=True)
    ]


def test_the_model_answers_the_same_after_its_kernels_are_scaled(generator):
    """Batch normalisation undoes the scale of every kernel that Muon scales."""
    from helpers import randomize

    images = generator.integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
    network = {"num_repeats": 1, "filters": 4, "classes": 5, "classifier_activation": None}
    model = NASNetFromGenotype("amoebanet_d", (16, 16, 3), batch_norm_epsilon=1e-12, **network)
    randomize(model, generator)
    x = images / 127.5 - 1.0
    before = np.asarray(model(x, training=True))
    for variable in model.trainable_variables:
        if len(variable.shape) == 4 and variable.shape[-1] > 1:
            variable.assign(variable * 3.0)
    np.testing.assert_allclose(np.asarray(model(x, training=True)), before, rtol=1e-3, atol=1e-3)

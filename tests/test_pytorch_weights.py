"""State dicts of torchvision's and timm's own MnasNets, at random weights: loaded, and with equal answers."""

import json
from dataclasses import replace

import numpy as np
import pytest
from helpers import difference
from pytorch_networks import ANSWERS, QUICK, computed, images, sizes, values

from nasnet_keras import StagesFromGenotype, conventions
from nasnet_keras.genotypes.mnasnet import MNASNET_A1, MNASNET_B1, MNASNET_SMALL
from nasnet_keras.weights.loading import load_weights

TIMM_SMALL = conventions.from_timm(
    [
        ["ds_r1_k3_s1_c8"],
        ["ir_r1_k3_s2_e3_c16"],
        ["ir_r2_k3_s2_e6_c16"],
        ["ir_r4_k5_s2_e6_c32_se0.25"],
        ["ir_r3_k3_s1_e6_c32_se0.25"],
        ["ir_r3_k5_s2_e6_c88_se0.25"],
        ["ir_r1_k3_s1_e6_c144"],
    ],
    stem=8,
)
NETWORKS = {
    "torchvision mnasnet0_5": (MNASNET_B1, 0.5),
    "timm semnasnet_050": (MNASNET_A1, 0.5),
    "timm mnasnet_small": (TIMM_SMALL, 1.0),
    "torchvision mnasnet0_75": (MNASNET_B1, 0.75),
    "torchvision mnasnet1_0": (MNASNET_B1, 1.0),
    "torchvision mnasnet1_3": (MNASNET_B1, 1.3),
    "timm mnasnet_050": (MNASNET_B1, 0.5),
    "timm mnasnet_140": (MNASNET_B1, 1.4),
    "timm semnasnet_075": (MNASNET_A1, 0.75),
    "timm semnasnet_100": (MNASNET_A1, 1.0),
    "timm semnasnet_140": (MNASNET_A1, 1.4),
}


def compare(path, genotype, alpha, answers):
    common = {"padding": "torch", "batch_norm_epsilon": 1e-5, "classes": 7, "classifier_activation": None}
    model = StagesFromGenotype(genotype, (None, None, 3), alpha=alpha, **common)
    load_weights(model, path, known=True)
    for size in sizes(path.stem):
        answer = np.asarray(answers[str(size[0])])
        assert difference(*answer) > 0.05, "a network that answers the same whatever the image is"
        assert difference(model(images(size)), answer) < 1e-4, path.stem


def test_of_mnasnet_small_timm_adds_the_input_of_the_first_layer_too():
    first, *rest = MNASNET_SMALL.stages
    assert replace(MNASNET_SMALL, stages=(replace(first, skip="identity"), *rest)) == TIMM_SMALL


@pytest.mark.parametrize("name", QUICK)
def test_answers_are_those_that_pytorch_gave(name, tmp_path):
    """The names and shapes of PyTorch's own state dicts, with values that any machine can make again."""
    stored = json.loads((ANSWERS / f"{name.replace(' ', '_')}.json").read_text())
    path = tmp_path / f"{name}.npz"
    np.savez(path, **{key: values(key, shape) for key, shape in stored["shapes"].items()})
    compare(path, *NETWORKS[name], stored["answers"])


@pytest.mark.slow
def test_answers_are_those_of_pytorch(tmp_path):
    computed(tmp_path, *NETWORKS)
    for name, network in NETWORKS.items():
        compare(tmp_path / f"{name}.safetensors", *network, np.load(tmp_path / f"{name}.npz"))

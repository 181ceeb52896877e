"""State dicts of torchvision's and timm's own MnasNets, at random weights: loaded, and with equal outputs."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import difference
from pytorch_networks import computed

from nasnet_keras import StagesFromGenotype
from nasnet_keras.genotypes.mnasnet import MNASNET_A1, MNASNET_B1, MNASNET_SMALL
from nasnet_keras.weights.loading import load_weights

# timm adds the input of the first layer, and the released code does not.
FIRST, *REST = MNASNET_SMALL.stages
TIMM_SMALL = replace(MNASNET_SMALL, stages=(replace(FIRST, skip="identity"), *REST))
QUICK = {
    "torchvision mnasnet0_5": (MNASNET_B1, 0.5),
    "timm semnasnet_050": (MNASNET_A1, 0.5),
    "timm mnasnet_small": (TIMM_SMALL, 1.0),
}
SLOW = {
    "torchvision mnasnet0_75": (MNASNET_B1, 0.75),
    "torchvision mnasnet1_0": (MNASNET_B1, 1.0),
    "torchvision mnasnet1_3": (MNASNET_B1, 1.3),
    "timm mnasnet_050": (MNASNET_B1, 0.5),
    "timm mnasnet_140": (MNASNET_B1, 1.4),
    "timm semnasnet_075": (MNASNET_A1, 0.75),
    "timm semnasnet_100": (MNASNET_A1, 1.0),
    "timm semnasnet_140": (MNASNET_A1, 1.4),
}


def compare(folder, name, genotype, alpha, *sizes):
    common = {"padding": "torch", "batch_norm_epsilon": 1e-5, "classes": 7, "classifier_activation": None}
    model = StagesFromGenotype(genotype, (None, None, 3), alpha=alpha, **common)
    load_weights(model, folder / f"{name}.safetensors", known=True)
    for size in sizes:
        values = np.load(folder / f"{name} {size}.npz")
        assert difference(*values["outputs"]) > 0.05, "a network that answers the same whatever the image is"
        assert difference(model(values["images"]), values["outputs"]) < 1e-4, name


def test_outputs_are_those_of_pytorch(tmp_path):
    computed(tmp_path, *QUICK)
    for name, network in QUICK.items():
        compare(tmp_path, name, *network, 64, 45)


@pytest.mark.slow
def test_outputs_of_the_others_are_those_of_pytorch(tmp_path):
    computed(tmp_path, *SLOW)
    for name, network in SLOW.items():
        compare(tmp_path, name, *network, *(45, 224) if name == "timm semnasnet_100" else (45,))

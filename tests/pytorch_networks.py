"""Networks and convolutions of PyTorch, in a process of their own: its Triton and TensorFlow crash together.

`python pytorch_networks.py FOLDER [NAME …]`; with no name, convolutions.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

CASES = [(kernel, stride, size) for kernel in (1, 3, 5, 7) for stride in (1, 2) for size in ((8, 9), (11, 14))]


def computed(folder, *names):
    """The folder, with what this module writes there; a test that calls it is skipped without PyTorch."""
    for package in ("torch", *{name.partition(" ")[0] for name in names}):
        if not importlib.util.find_spec(package):
            pytest.skip(f"{package} is not installed")
    subprocess.run([sys.executable, __file__, str(folder), *names], check=True, timeout=900)
    return folder


def _network(name, generator):
    """A network with random weights, and the statistics of a trained one: so its answers depend on the images."""
    import torch

    package, _, model = name.partition(" ")
    made = getattr(importlib.import_module(f"{package}.models"), model)(num_classes=7)
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data.uniform_(0.5, 1.5, generator=generator)
            module.bias.data.normal_(0.0, 0.2, generator=generator)
            module.momentum = None  # the statistics of the next batch
    with torch.no_grad():
        made.train()(torch.randn((8, 3, 96, 96), generator=generator))
    return made.eval()


def _write_networks(folder, names):
    import torch
    from safetensors.torch import save_file

    generator = torch.manual_seed(0)
    for name in names:
        made = _network(name, generator)
        state = {key: tensor.contiguous() for key, tensor in made.state_dict().items()}
        save_file(state, f"{folder}/{name}.safetensors")
        for size in ((64, 64), (45, 70), *[(224, 224)] * (name == "timm semnasnet_100")):
            images = torch.randn((2, 3, *size), generator=generator)
            with torch.no_grad():
                outputs = made(images).numpy()
            np.savez(f"{folder}/{name} {size[0]}.npz", images=images.numpy().transpose(0, 2, 3, 1), outputs=outputs)


def _write_convolutions(folder):
    import torch

    generator = torch.Generator().manual_seed(0)
    for index, (kernel, stride, size) in enumerate(CASES):
        for groups in (1, 6):
            x = torch.randn((2, 6, *size), generator=generator)
            weights = torch.randn((6, 6 // groups, kernel, kernel), generator=generator)
            y = torch.nn.functional.conv2d(x, weights, None, stride, kernel // 2, 1, groups)
            axes = (2, 3, 1, 0) if groups == 1 else (2, 3, 0, 1)
            values = {"x": x.numpy().transpose(0, 2, 3, 1), "y": y.numpy().transpose(0, 2, 3, 1)}
            np.savez(f"{folder}/{index}_{groups}.npz", **values, weights=weights.numpy().transpose(axes))


if __name__ == "__main__":
    place, *asked = sys.argv[1:]
    _write_networks(Path(place), asked) if asked else _write_convolutions(Path(place))

"""`nasnet-finetune --list`: what the trained models are worth, and what each is for, without a wait."""

import dataclasses
import re
import subprocess
import sys

import pytest

from nasnet_keras import pretrained
from nasnet_keras.pretrained.listing import table
from nasnet_keras.weights.file import CardError

LIST = """
import sys
sys.argv = ["nasnet-finetune", "--list"]
from nasnet_keras.pretrained.__main__ import console
try:
    console()
finally:
    print(sorted({"keras", "tensorflow", "jax", "torch"} & {*sys.modules}), file=sys.stderr)
"""


def rows(text):
    """The lines of the models by name."""
    return {line.split()[0]: line for line in text.splitlines() if re.match(r"\w+ +[\d.]+%", line)}


def test_the_list_takes_no_framework():
    done = subprocess.run([sys.executable, "-c", LIST], capture_output=True, text=True, timeout=600)
    assert done.stderr == "[]\n" and done.returncode == 0
    assert sorted(rows(done.stdout)) == pretrained.list_models()
    assert "nasnet-finetune --model=NAME --train_dir=FOLDER" in done.stdout.splitlines()[-1], "what to type next"


def test_the_list_says_accuracy_size_speed_and_use():
    found = rows(table([pretrained.card(name) for name in pretrained.list_models()]))
    for name, line in found.items():
        card = pretrained.card(name)
        assert f" {card.metrics['test_accuracy']:.1%} " in line and f"{card.input_shape[0]}×" in line
        assert card.weights.size is None or f" {card.weights.size / 2**20:.1f} MiB" in line
        speeds = [one["median_ms"] for one in card.latencies if (one["runtime"], one["threads"]) == ("litert", 1)]
        assert re.findall(r"([\d.]+) ms", line) == [f"{speed:.3g}" for speed in speeds]
        assert ("downloaded" in line) == (card.weights.url is not None)
    cifar10 = {name: pretrained.card(name) for name in pretrained.list_models("*_cifar10")}
    best = max(cifar10, key=lambda name: cifar10[name].metrics["test_accuracy"])
    assert [name for name in cifar10 if "the most accurate" in found[name]] == [best]
    assert sum("the fastest" in found[name] for name in cifar10) == 1


def test_models_that_were_not_measured_are_listed_too():
    card = dataclasses.replace(pretrained.card("nasnet_a_cifar10"), latencies=())
    (line,) = rows(table([card])).values()
    assert " ms" not in line and "most accurate" not in line and "10 classes" in line


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("amoebanet_tiny_imagenet", "did you mean 'amoebanet_d_tiny_imagenet'?"),
        ("NASNet-Mobile", "did you mean 'nasnet_mobile_imagenet'?"),
        ("nasnet-a-cifar-10", "did you mean 'nasnet_a_cifar10'?"),
        ("resnet50", "'resnet50': Legal are: amoebanet_d_cifar10,"),
    ],
)
def test_a_name_that_is_no_model_gets_a_suggestion(typed, meant):
    with pytest.raises(CardError, match=re.escape(meant)):
        pretrained.card(typed)

"""The tool that widens a trained network: the wider one computes the same, and its twins are no copies."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from helpers import difference, mostly_fuzz, random_genotype, randomize

from nasnet_keras import NASNetFromGenotype

_spec = importlib.util.spec_from_file_location("widen", Path(__file__).parent.parent / "tools" / "widen.py")
widening = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(widening)

IMAGES = np.random.default_rng(0).normal(size=(4, 32, 32, 3)).astype("float32")


def network(genotype, filters, **arguments):
    return NASNetFromGenotype(genotype, (32, 32, 3), num_repeats=1, filters=filters, **arguments)


@pytest.mark.parametrize("filters", mostly_fuzz([10, 16], [10]))
@pytest.mark.parametrize("genotype", mostly_fuzz(("nasnet_a", "darts_v2", "random"), ("nasnet_a",)))
def test_the_wider_network_computes_the_same(genotype, filters):
    genotype = random_genotype(np.random.default_rng(1)) if genotype == "random" else genotype
    model, wider = network(genotype, 8), network(genotype, filters)
    randomize(model, np.random.default_rng(0))
    widening.widen(model, wider)
    assert difference(model.predict(IMAGES, verbose=0), wider.predict(IMAGES, verbose=0)) < 1e-5
    (kernel,) = [np.asarray(w) for w in wider.weights if w.path.endswith("logits/kernel")]
    assert len(np.unique(kernel, axis=0)) == len(kernel)  # twins are read by different shares


@pytest.mark.parametrize(("filters", "arguments"), [(8, {}), (6, {}), (17, {}), (12, {"classes": 3})])
def test_any_other_network_is_refused(filters, arguments):
    wider = network("nasnet_a", filters, **arguments)
    before = wider.get_weights()
    with pytest.raises(ValueError, match="up to twice the filters, got widths"):
        widening.widen(network("nasnet_a", 8), wider)
    assert all(map(np.array_equal, before, wider.get_weights()))

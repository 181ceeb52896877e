"""At the door: every name and every module can be the first that a process imports, on every backend."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest
from test_house import modules

import nasnet_keras as nk
from nasnet_keras import inference, layers

FRESH = Path(__file__).with_name("fresh.py")
ALL_NAMES = ["from nasnet_keras import *", "import nasnet_keras, pydoc; pydoc.render_doc(nasnet_keras)"]
FIRST_NAMES = [  # one of each module
    f"from nasnet_keras import {name}"
    for name in {getattr(nk, name).__module__: name for name in nk.__all__ if name in nk._EXPORTS}.values()
]
LOADED = "import keras, sys; keras.models.load_model({!r}); sys.modules['nasnet_keras.inference.layers']"


def failures(backend, statements):
    done = subprocess.run(
        [sys.executable, str(FRESH), backend],
        input=json.dumps(statements),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=600,
        env={**os.environ, "KERAS_BACKEND": backend},
    )
    return json.loads(done.stdout)


@pytest.mark.slow
def test_every_name_and_every_package_may_be_the_first_import():
    """Modules within one import their package first, and none of each other, as `test_house.py` has it."""
    packages = [name for name, path in modules().items() if path.name in ("__init__.py", "__main__.py")]
    assert not failures("tensorflow", [*FIRST_NAMES, *ALL_NAMES, *(f"import {name}" for name in packages)])


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_names_on_other_backends(backend):
    if not importlib.util.find_spec(backend):
        pytest.skip(f"{backend} is not installed")
    assert not failures(backend, [*FIRST_NAMES, *ALL_NAMES])


def test_operations_are_listed_without_keras():
    """A search asks a predictor for latencies, in a process that builds no network."""
    statement = "import sys, nasnet_keras.latency.operations; assert not {'keras', 'tensorflow'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", statement], check=True, timeout=600)


def test_a_saved_model_loads_whatever_was_imported_first(tmp_path):
    """Also where the package comes while Keras is being imported."""
    model = nk.NASNetFromGenotype("nasnet_a", (16, 16, 3), num_repeats=1, filters=4)
    path = str(tmp_path / "fused.keras")
    nk.fuse_for_inference(model).save(path)
    half = "import wrapt; wrapt.register_post_import_hook(lambda _: __import__('nasnet_keras'), 'keras.src.backend')"
    statements = [
        "import nasnet_keras",
        "import keras, nasnet_keras",
        "import nasnet_keras.layers",
        "from nasnet_keras import DropPathSchedule",
        half,
    ]
    assert not failures("tensorflow", [f"{statement}; {LOADED.format(path)}" for statement in statements])


def test_the_layers_that_stand_for_themselves_are_all_that_are_registered():
    stand_ins = {**layers.LAYERS, **inference.LAYERS}
    for name in stand_ins:
        layer = keras.saving.get_custom_objects()[f"nasnet_keras>{name}"]
        assert issubclass(layer, keras.layers.Layer), name
    for name in modules():
        if not name.endswith("__main__"):
            importlib.import_module(name)
    registered = {name for name in keras.saving.get_custom_objects() if name.startswith("nasnet_keras>")}
    assert registered == {f"nasnet_keras>{name}" for name in stand_ins}

import resource

from nasnet_keras.utils import environment

environment.prepare()

import keras  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402


@pytest.fixture(autouse=True, scope="module")
def fresh_keras():
    """Not before each test: it takes 0.3 s, and another 0.5 s in the next test that makes a network."""
    keras.backend.clear_session()


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(0)


@pytest.fixture
def generator():
    return np.random.default_rng(0)


@pytest.fixture
def without_finals(monkeypatch):
    """Searches end before their best genotypes are trained, which takes longer than the children of these."""
    monkeypatch.setattr("nasnet_keras.search.loop.is_finished", lambda *_: True)
    monkeypatch.setattr("nasnet_keras.search.loop.keep_front", lambda _: None)  # they have no result to keep it in


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The folder of a trained model, see `colours.py`."""
    from colours import train_colours

    folder = tmp_path_factory.mktemp("trained") / "run"
    train_colours(folder)
    return folder


@pytest.fixture
def short_heads(monkeypatch):
    """A new classifier learns for a few epochs before the network does: enough to tell colours apart."""
    monkeypatch.setattr("nasnet_keras.pretrained.head._EPOCHS", 12)


@pytest.fixture
def small_files():
    """A function that sets how large a file may become in this process, which is what a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)

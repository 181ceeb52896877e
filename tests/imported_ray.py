"""Ray, imported as a search imports it: what it reads of the environment then holds for all tests of the process."""

import pytest

from nasnet_keras.search.executors import ray_connection

__all__ = ["ray", "scripts"]

with pytest.MonkeyPatch.context() as settings:
    for name, value in ray_connection._SETTINGS.items():
        settings.setenv(name, value)
    import ray
    from ray.scripts import scripts

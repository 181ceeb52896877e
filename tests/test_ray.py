"""Children on a Ray cluster: on this machine, on several nodes, and what is left when something ends."""

import pytest

from nasnet_keras.search import SearchConfig
from nasnet_keras.search.place import resources_of


def config(**changes):
    return SearchConfig("unused", **{"executor": "ray", **changes})


def test_settings_of_the_place_of_children():
    found = config(ray_resources=["a100=1", " disk =0.50"], gpus_per_child=0.25, cpus_per_child=2.0, child_retries=0)
    assert found.ray_resources == ("a100=1", "disk=0.5") and found.gpus_per_child == 0.25
    assert resources_of(found.ray_resources) == {"a100": 1.0, "disk": 0.5}
    assert type(config(gpus_per_child=2.0).gpus_per_child) is int
    assert SearchConfig.from_json(found.to_json()) == found and found.identity() == SearchConfig("unused").identity()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ray_resources": "a100"}, "ray_resources must be names of custom resources .* got 'a100'"),
        ({"ray_resources": ["GPU=1"]}, "ray_resources must be names of custom resources .* got 'GPU=1'"),
        ({"ray_resources": ["a100=-1"]}, "with positive amounts, such as a100=1, got 'a100=-1'"),
        ({"gpus_per_child": 1.5}, "gpus_per_child must be a whole number or a fraction below 1, got 1.5"),
        ({"gpus_per_child": -1}, "gpus_per_child must be a whole number or a fraction below 1, got -1"),
        ({"cpus_per_child": 0}, "cpus_per_child must be positive, got 0"),
        ({"child_retries": -1}, "child_retries must be a whole number from 0, got -1"),
        ({"executor": "subprocess", "ray_address": "auto"}, "ray_address='auto' is for the executor 'ray', got 'subpr"),
        ({"executor": None, "cpus_per_child": 2}, "cpus_per_child=2 is for the executor 'ray', got 'subprocess'"),
        ({"executor": "subprocess", "gpus_per_child": 0.5}, "whole number from 1, got 0.5; less is for the .*'ray'"),
        ({"evaluator": "supernet"}, "where these are, by executor 'inline', got 'ray'"),
    ],
)
def test_bad_settings(changes, message):
    with pytest.raises(ValueError, match=message):
        config(**changes)

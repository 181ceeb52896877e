"""How children and finalists are trained where the user does not say it."""

import dataclasses
import json

import pytest

from nasnet_keras.search import SearchConfig
from nasnet_keras.search.recipes import CHILD_SIZES, child_recipe
from nasnet_keras.training.recipes import RECIPES
from nasnet_keras.utils.workdir import STUDY

SHORT = RECIPES["short"]


@pytest.mark.parametrize(
    "settings, sizes",
    [
        ({"dataset": "cifar10"}, CHILD_SIZES),
        ({"dataset": "my_images", "space": "nasnet"}, CHILD_SIZES),
        ({"dataset": "digits", "recipe": "short"}, CHILD_SIZES),
        ({"dataset": "digits"}, ((0.0, 1.0),)),
        ({"dataset": "cifar10", "recipe": "paper"}, ((0.0, 1.0),)),
        ({"dataset": "cifar10", "space": "nas"}, SHORT.sizes),
        ({"dataset": "cifar10", "evaluator": "supernet"}, SHORT.sizes),
        ({"dataset": "cifar10", "evaluator": "zero_cost", "proxy": "parameters"}, SHORT.sizes),
    ],
)
def test_children_have_small_images_for_longer_where_that_is_known_to_order_them(settings, sizes, tmp_path):
    config = SearchConfig(tmp_path, **settings)
    assert config.recipe.sizes == sizes
    of_digits = settings["dataset"] == "digits"
    of_training = RECIPES["digits"].sizes if of_digits else SHORT.sizes
    assert config.final_recipe().sizes == (of_training if sizes == CHILD_SIZES else sizes)


def test_finalists_have_the_sizes_that_are_asked_for(tmp_path):
    mine = ((0.0, 0.5), (0.5, 1.0))
    asked = dataclasses.replace(child_recipe("cifar10", "child"), sizes=mine)
    config = SearchConfig(str(tmp_path), dataset="cifar10", recipe=asked)
    assert config.final_recipe().sizes == mine and config.final_recipe().epochs == config.final_epochs
    final = dataclasses.replace(config, final_sizes=((0.0, 1.0),))
    assert final.final_recipe().sizes == ((0.0, 1.0),) and final.recipe.sizes == mine
    assert SearchConfig.from_json(json.loads(json.dumps(final.to_json()))) == final
    with pytest.raises(ValueError, match="final_sizes must be pairs"):
        dataclasses.replace(config, final_sizes=((0.5, 1.0),))


@pytest.mark.parametrize("damage", [{}, {"recipe": 1}, {"recipe": {}}, {"recipe": {"sizes": "half"}}])
def test_a_study_keeps_the_sizes_that_it_was_begun_with(damage, tmp_path):
    begun = {"recipe": {"sizes": [[0.0, 0.5], [0.3, 0.75], [0.6, 1.0]]}}
    (tmp_path / STUDY).write_text(json.dumps({"config": begun}))
    assert SearchConfig(tmp_path, dataset="cifar10").recipe.sizes == SHORT.sizes
    (tmp_path / STUDY).write_text(json.dumps({"config": damage}))
    assert SearchConfig(tmp_path, dataset="cifar10").recipe.sizes == CHILD_SIZES

"""The settings of the end of a search: how finalists are chosen and trained."""

from dataclasses import dataclass

from nasnet_keras.utils import values
from nasnet_keras.utils.groups import Group
from nasnet_keras.utils.settings import documented, grouped, setting

__all__ = ["FinalSettings"]

_COUNT = values.positive()


@documented
@grouped(Group.FINALISTS)
@dataclass(frozen=True)
class FinalSettings:
    """The settings of finalists. They change no child, so all of them may change while a study grows."""

    finalists: int = setting(
        2,
        "Number of the best genotypes, and of random ones, to train to the end; with 0 the search alone is run.",
        values.whole(0),
        may_change=True,
    )
    final_epochs: int = setting(
        20, "Number of epochs of a finalist, by the recipe of the children.", _COUNT, may_change=True
    )
    final_train_images: int | None = setting(
        None,
        "Number of training images that finalists see, the same ones for all; by default all, whatever --train_images "
        "leaves to children.",
        _COUNT,
        for_=("children",),
        may_change=True,
    )
    final_num_repeats: int | None = setting(
        None, "N of the finalists; by default that of the children.", _COUNT, may_change=True
    )
    final_filters: int | None = setting(
        None, "F of the finalists; by default that of the children.", _COUNT, may_change=True
    )
    final_alpha: float | None = setting(
        None,
        "Factor of the filters of the finalists in the space mnasnet; by default that of the children.",
        values.positive_number(),
        may_change=True,
    )

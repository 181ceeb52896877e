"""The settings of search spaces."""

from dataclasses import dataclass

from nasnet_keras.search.spaces.mnasnet import BASES
from nasnet_keras.utils import checks, values
from nasnet_keras.utils.groups import Group
from nasnet_keras.utils.settings import documented, grouped, setting

__all__ = ["SpaceSettings"]

_COUNT, _SWITCH = values.positive(), values.switch()
_TEXTS = values.items("texts", lambda one: isinstance(one, str))
_LAYERS = values.items("whole numbers", lambda one: checks.integer(one) is not None, values.integer_if_any)
_SPACE = ("space",)


@documented
@grouped(Group.SPACE)
@dataclass(frozen=True)
class SpaceSettings:
    """The settings that are passed to the search space; a space ignores those that it does not have."""

    operations: tuple[str, ...] | None = setting(
        None, "Names of the operations to choose from; by default all of the space.", _TEXTS, for_=_SPACE, assumed=None
    )
    num_blocks: int = setting(5, "Number of blocks in each cell, in a space of cells.", _COUNT, for_=_SPACE)
    num_layers: int | None = setting(
        None,
        "Number of layers of a network; by default 12 in the space enas_macro, and 6 in the space nas.",
        _COUNT,
        usual=12,
        for_=_SPACE,
        assumed=12,
    )
    predict_strides: bool = setting(
        False, "Whether strides are chosen too, in the space nas.", _SWITCH, for_=_SPACE, assumed=False
    )
    pool_after: tuple[int, ...] = setting(
        (), "Numbers of layers, from 0, whose output is halved, in the space nas.", _LAYERS, for_=_SPACE, assumed=[]
    )
    deepen_every: int | None = setting(
        None,
        "Number of trials after which networks of the space nas get two layers more, from 6 to --num_layers; by "
        "default they have all from the start.",
        _COUNT,
        for_=_SPACE,
        assumed=None,
    )
    base: str = setting(
        "cifar",
        "Network whose stages the choices of the space mnasnet change: cifar, for images of about 32×32, or imagenet, "
        "as in the paper, for 224×224.",
        values.choice_of_version(*BASES),
        for_=_SPACE,
        assumed="cifar",
    )

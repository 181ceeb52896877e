"""A new kind of genotype is its value, its network and a row: everything else reads the row."""

import dataclasses
import importlib
import inspect
import sys
from collections import Counter

import pytest

import nasnet_keras as nk
from nasnet_keras.genotypes import kinds, reading
from nasnet_keras.genotypes.base import BaseGenotype, checked
from nasnet_keras.genotypes.picture import Row
from nasnet_keras.networks.any import network_config, network_from_genotype, size_arguments, taken_arguments
from nasnet_keras.networks.base import NetworkConfig
from nasnet_keras.networks.model import builds
from nasnet_keras.plotting.cells import genotype_svg
from nasnet_keras.search.report.statistics import operation_counts
from nasnet_keras.training.config import TrainingConfig


@dataclasses.dataclass(frozen=True)
class Ladder(BaseGenotype):
    """So many 3×3 convolutions, one after another."""

    FORMAT = "tests.ladder"

    rungs: int

    def describe(self):
        return f"{self.rungs} rungs"

    def operation_counts(self):
        return {"ladder": Counter(conv_3x3=self.rungs)}

    def rows(self):
        return tuple(Row(f"rung_{number}", reads=(number - 1,) if number else ()) for number in range(self.rungs))

    def to_plain(self):
        return {"format": self.FORMAT, "version": self.VERSION, "rungs": self.rungs}

    @classmethod
    def from_plain(cls, plain):
        return cls(checked(plain, cls, ("rungs",), "a ladder")["rungs"])


@dataclasses.dataclass(frozen=True, kw_only=True)
class LadderConfig(NetworkConfig):
    KIND = Ladder
    SIZES = ("filters",)

    filters: int = 4

    def build(self, builder, image):
        x = image
        for number in range(self.genotype.rungs):
            x = builder.conv(x, self.filters, (3, 3), name=f"rung_{number}", relu=bool(number))
        return self._head(builder, x, use_bias=True)


@builds(LadderConfig)
def LadderFromGenotype(genotype, input_shape=None, *, classes=10, filters=4, name="ladder"):
    """Build a ladder."""


@pytest.fixture
def ladder(monkeypatch):
    rows = (*kinds.KINDS, kinds.Kind("ladder", "Ladder", "LadderConfig", "LadderFromGenotype"))
    for module in (kinds, reading):
        monkeypatch.setattr(module, "KINDS", rows)
    for folder in ("genotypes", "networks"):
        monkeypatch.setitem(sys.modules, f"nasnet_keras.{folder}.ladder", sys.modules[__name__])
    return Ladder(3)


def test_a_new_kind_is_read_built_counted_drawn_and_configured(ladder, tmp_path):
    path = tmp_path / "ladder.json"
    path.write_text(ladder.to_json())
    assert reading.genotype_from_json(path) == reading.resolve_genotype(str(path)) == ladder
    assert size_arguments(ladder) == ("filters",)
    model = network_from_genotype(ladder, (8, 8, 1), filters=2, classes=3, auxiliary_head=False, drop_path_rate=0.0)
    assert model.name == "ladder" and model.output_shape == (None, 3)
    assert nk.model_cost(model) == nk.genotype_cost(ladder, (8, 8, 1), filters=2, classes=3)
    assert "rung_2" in genotype_svg(ladder) and operation_counts(ladder) == {"ladder": {"conv_3x3": 3}}
    config = TrainingConfig(tmp_path / "run", path)
    assert config.resolved == ladder and config.filters is not None and config.num_repeats is None
    with pytest.raises(ValueError, match="drop_path_rate=0.1 is for networks of cells: a Ladder has no such part"):
        nk.genotype_cost(ladder, drop_path_rate=0.1)


@pytest.mark.parametrize(
    ("genotype", "wrong", "taken"),
    [
        ("nasnet_a", "alpha", "auxiliary_head, .* num_repeats, .* stem_filters$"),
        ("enas_macro", "num_repeats", "batch_norm_epsilon, .* filters, "),
        (nk.ChainGenotype([nk.ChainLayer((3, 3), 24)]), "filters", "batch_norm_epsilon, .* pooling$"),
        (nk.NASBench201Genotype(["skip_connect"] * 6), "alpha", "batch_norm_epsilon, .* filters, .* num_repeats"),
        ("mnasnet_a1", "filters", "alpha, batch_norm_epsilon, .* padding, pooling, stem_stride$"),
    ],
)
def test_an_argument_that_a_kind_does_not_take_is_one_clear_error(genotype, wrong, taken):
    for make in (nk.genotype_cost, network_config, network_from_genotype):
        with pytest.raises(ValueError, match=f"^{wrong}=3 is not for a .*Genotype, whose networks take {taken}"):
            make(genotype, **{wrong: 3})
    with pytest.raises(ValueError, match="^input_tensor=3 is not for a "):
        nk.genotype_cost(genotype, input_tensor=3)


def test_the_function_of_a_kind_takes_what_its_error_names():
    for kind in kinds.KINDS:
        parts = kind.function.split(".")
        function = getattr(nk.applications if len(parts) > 1 else nk, parts[-1])
        config = getattr(importlib.import_module(f"nasnet_keras.networks.{kind.module}"), kind.config)
        named = set(inspect.signature(function).parameters) - {"weights", "name", "input_tensor"}
        assert named == {"genotype", "input_shape", *taken_arguments(config)}, kind


def test_a_subclass_is_of_the_kind_of_its_base_and_another_class_of_none():
    class Named(nk.Genotype):
        pass

    class Other(BaseGenotype):
        def __init__(self):
            pass

    usual = nk.genotypes.NASNET_A
    own = Named(usual.normal, usual.reduction)
    sizes = {"num_repeats": 1, "filters": 4}
    assert nk.genotype_cost(own, **sizes) == nk.genotype_cost(usual, **sizes)
    assert TrainingConfig("folder", own).num_repeats == 2
    Other.__abstractmethods__ = frozenset()
    with pytest.raises(nk.GenotypeError, match="of these classes: Genotype, .*; got a Other"):
        nk.genotype_cost(Other())

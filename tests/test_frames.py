"""What a study says of itself in Python: a line, a DataFrame, and pictures."""

import re
import xml.etree.ElementTree as ElementTree

import pytest
from helpers import SMALL_GENOTYPE

from nasnet_keras.genotypes.cells import Block, Cell, Edge, Genotype
from nasnet_keras.genotypes.macro import MacroGenotype, MacroLayer
from nasnet_keras.search import SearchConfig, load_study, plot_optimization_history, plot_pareto_front, run
from nasnet_keras.search.report.page import report
from nasnet_keras.search.report.terminal import summary
from nasnet_keras.search.report.weightless import weightless
from nasnet_keras.search.study.errors import StudyError
from nasnet_keras.search.study.folder import Study
from nasnet_keras.search.study.trial import Trial
from nasnet_keras.utils.extras import install

TABLE = {"evaluator": "tabular", "table": "nasnet_cells_cifar10", "finalists": 1, "random_trials": 3}
POOLS = Cell([Block(Edge("max_pool_3x3", "current"), Edge("identity", "previous"))], ["block_0"])


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frames") / "s1"
    return load_study(run(SearchConfig(folder, algorithm="evolution", population_size=3, trials=6, **TABLE)).path)


def trial(number, reward=0.5, genotype=SMALL_GENOTYPE, **changes):
    values = {"status": "ok", "metrics": {"loss": 0.25, "steps": 3}, "seconds": 1.5, "seed": number}
    return Trial(**{"trial": number, "genotype": genotype, "reward": reward, **values, **changes})


def made(path, *trials, random=()):
    return Study(path, {"algorithm": "ppo", "dataset": "digits"}, search=list(trials), random=list(random))


def test_a_line_says_what_it_is(study, tmp_path):
    assert repr(study).startswith(
        f"<Study {study.path}: evolution in nasnet on nasnet_cells_cifar10, 6 trials and 3 rand"
    )
    assert f"best reward {study.best.reward:.4f} of trial {study.best.trial}>" in repr(study)
    said = repr(study.best)
    assert said.startswith(f"<Trial {study.best.trial}: ok, reward {study.best.reward:.4f}, parameters=")
    assert study.best.genotype.fingerprint in said and "\n" not in said and len(said) < 200
    failed = trial(
        1, None, status="crashed", metrics={"error": "ValueError: no\nroom " + "x" * 99}, genotype="|none~0|"
    )
    assert repr(failed) == f"<Trial 1: crashed, ValueError: no room {'x' * 39}…, |none~0|, 1.5 s>"
    assert repr(made(tmp_path)).endswith("ppo in nasnet on digits, 0 trials, no trial has finished>")
    assert "damaged" not in repr(Study(tmp_path, {"limit": 7}, search=[])), "also if it is"


def test_a_data_frame_has_typed_columns(study, tmp_path):
    pytest.importorskip("pandas")
    frame = study.to_dataframe()
    assert frame.group.tolist() == ["search"] * 6 + ["random"] * 3 and frame.number.tolist()[:6] == [*range(6)]
    kinds = {"number": "int64", "reward": "float64", "validation_accuracy": "float64", "seed": "int64"}
    kinds |= {"parameters": "Int64", "multiply_adds": "Int64", "state": "category", "genotype": "string"}
    assert {name: str(frame[name].dtype) for name in kinds} == kinds
    assert str(frame.duration.dtype).startswith("timedelta64")
    best = frame.loc[frame[frame.group == "search"].reward.idxmax()]
    assert best.fingerprint == study.best.genotype.fingerprint and best.parameters == study.best.costs["parameters"]
    assert Genotype.from_json(best.genotype) == study.best.genotype
    assert len(study.to_dataframe(["random"])) == 3
    with pytest.raises(ValueError, match="groups must be one of search, random, derived, got 'best'"):
        study.to_dataframe(["best"])

    ended = (
        trial(0, costs={"latency_ms": 2.5, "parameters": 9}),
        trial(1, None, status="timeout", metrics={"error": "late"}),
    )
    other = made(
        tmp_path, *ended, trial(2, genotype="|none~0|", metrics={"loss": 1, "more": True, "text": "a", "list": [1]})
    )
    frame = other.to_dataframe()
    assert frame.state.tolist() == ["ok", "timeout", "ok"] and frame.error.tolist()[1] == "late"
    assert (
        frame.reward.isna().tolist() == [False, True, False] and frame.duration.dt.total_seconds().tolist() == [1.5] * 3
    )
    types = {"loss": "float64", "steps": "Int64", "more": "boolean", "text": "string", "latency_ms": "float64"}
    assert {name: str(frame[name].dtype) for name in types} == types and "list" not in frame
    assert frame.parameters.isna().tolist() == [False, True, True] and frame.genotype[2] == "|none~0|"
    empty = made(tmp_path).to_dataframe()
    assert len(empty) == 0 and str(empty.reward.dtype) == "float64" and "genotype" in empty


def test_without_pandas_the_error_says_what_to_type(study, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ImportError, match=re.escape(f"a DataFrame needs pandas: {install('pandas')}")):
        study.to_dataframe()


def texts(path):
    return [one.text for one in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]


def test_pictures_stand_alone(study, tmp_path):
    history = plot_optimization_history(study, tmp_path / "history.svg")
    assert {"s1: reward over trials", "a child", "best so far", "children evaluated"} <= {*texts(history)}
    assert "parameters" in study.cost_names
    for cost in study.cost_names:
        picture = plot_pareto_front(study, tmp_path / f"{cost}.svg", cost)
        assert f"s1: reward against {cost}" in texts(picture) and "a random child" in texts(picture)
    assert plot_pareto_front(study, tmp_path / "front.svg").read_text() == (tmp_path / "multiply_adds.svg").read_text()
    drawn = history.read_text()
    assert plot_optimization_history(study.path, tmp_path / "again.svg").read_text() == drawn, "its folder will do"
    assert "var(--" not in drawn and "&nbsp;" not in drawn, "other programs than browsers draw it"
    assert drawn.count("<circle") >= len(study.trials)


def test_what_cannot_be_drawn_is_one_error(study, tmp_path):
    for plot in (plot_optimization_history, plot_pareto_front):
        with pytest.raises(ValueError, match=r"a path that ends in \.svg, got 'history.png'"):
            plot(study, "history.png")
        with pytest.raises(ValueError, match="no trial of .* has a reward yet"):
            plot(made(tmp_path, trial(0, None, status="crashed")), tmp_path / "a.svg")
    with pytest.raises(
        ValueError, match="no trial of .* with a reward has the cost 'parameter': did you mean 'parameters'"
    ):
        plot_pareto_front(study, tmp_path / "a.svg", "parameter")
    for plot in (plot_optimization_history, plot_pareto_front):
        with pytest.raises(StudyError, match="nowhere holds no study"):
            plot(tmp_path / "nowhere", tmp_path / "a.svg")
        with pytest.raises(TypeError, match=r"expected what load_study returns, or a study's folder, got \[\]"):
            plot([], tmp_path / "a.svg")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("genotype", "parts"),
    [
        (SMALL_GENOTYPE, ()),
        (Genotype(POOLS, SMALL_GENOTYPE.reduction), ("normal cell",)),
        (Genotype(SMALL_GENOTYPE.normal, POOLS), ("reduction cell",)),
        (Genotype(POOLS, POOLS), ("cell",)),
        (MacroGenotype([MacroLayer("avg_pool_3x3"), MacroLayer("max_pool_3x3")]), ("network",)),
        (MacroGenotype([MacroLayer("avg_pool_3x3"), MacroLayer("conv_3x3")]), ()),
        ("|skip_connect~0|+|none~0|avg_pool_3x3~1|+|none~0|nor_conv_3x3~1|none~2|", ()),
        (
            "|skip_connect~0|+|nor_conv_3x3~0|none~1|+|none~0|avg_pool_3x3~1|none~2|",
            ("cell",),
        ),  # the conv leads nowhere
        ("|none~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|nor_conv_3x3~2|", ("cell",)),  # it comes from nowhere
        ("a benchmark's own name", ()),
    ],
)
def test_cells_without_any_trainable_operation_on_a_path_are_known(genotype, parts):
    assert weightless(genotype) == parts


def test_a_block_that_no_output_depends_on_does_not_count():
    unused = Cell([*POOLS.blocks, Block(Edge("conv_3x3", "current"), Edge("conv_3x3", "current"))], ["block_0"])
    assert weightless(Genotype(unused, SMALL_GENOTYPE.reduction)) == ("normal cell",)


def test_cells_that_degenerate_are_pointed_out(tmp_path):
    pools = Genotype(SMALL_GENOTYPE.normal, POOLS)
    made_of = made(tmp_path, trial(0, 0.9, genotype=pools), trial(1), trial(2, None, genotype=pools, status="crashed"))
    note = "no trainable operation on any path, only pools and identities."
    assert f"The reduction cell of the best child has {note}" in summary(made_of)
    page = report(made_of)
    assert (
        f"The reduction cell of trial 0 has {note}" in page and "1 of 2 children that were judged have a cell" in page
    )
    assert "trainable operation" not in summary(made(tmp_path, trial(0))) + report(made(tmp_path, trial(0)))

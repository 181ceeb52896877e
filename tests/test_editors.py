"""What editors complete, and what a misspelt name, argument or value is told to have meant."""

import ast
import importlib.util
import subprocess
import sys

import jedi
import pytest
from test_house import ROOT

import nasnet_keras as nk
from nasnet_keras.genotypes.skeleton import DARTS
from nasnet_keras.networks.cells import CellsConfig
from nasnet_keras.search import SearchConfig
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.recipes import RECIPES, Recipe
from nasnet_keras.utils.lazy import LAZY

IMPORTS = """import nasnet_keras as nk
from nasnet_keras import pretrained, search
from nasnet_keras.training import datasets
"""


def tool():
    spec = importlib.util.spec_from_file_location("make_stubs", ROOT / "tools" / "make_stubs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


STUBS = tool().packages()


def script(line):
    return jedi.Script(line, path=ROOT / "typed.py", project=jedi.Project(ROOT))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("nk.NAS", {"NASNetFromGenotype", "NASBench201Genotype"}),
        ("nk.pretrained.", {"load", "fine_tune", "list_models", "Classifier"}),
        ("nk.search.", {"SearchConfig", "run", "load_study", "Algorithm"}),
        ("nk.applications.NASNetM", {"NASNetMobile"}),
        ("nk.genotypes.AMOEBA", {"AMOEBANET_A", "AMOEBANET_D"}),
        ("nk.conventions.from_", {"from_darts", "from_timm"}),
        ("search.Se", {"SearchConfig"}),
        ("pretrained.l", {"load", "list_models"}),
        ("datasets.", {"load", "save", "Split"}),
    ],
)
def test_editors_complete_lazy_names(line, expected):
    assert expected <= {found.name for found in script(IMPORTS + line).complete()}


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("nk.NASNetFromGenotype(", {"genotype", "num_repeats", "classes"}),
        ("nk.pretrained.fine_tune(", {"model", "train", "workdir"}),
        ("nk.search.SearchConfig(", {"workdir", "trials", "recipe"}),
    ],
)
def test_editors_show_the_arguments(call, arguments):
    (found,) = script(f"import nasnet_keras as nk\n{call}").get_signatures()
    assert arguments <= {one.name for one in found.params}


@pytest.mark.parametrize("place", STUBS)
def test_the_files_for_editors_have_the_names_that_there_are(place):
    """Run tools/make_stubs.py if they have not."""
    package = STUBS[place]
    body = ast.parse((ROOT / place).read_text()).body
    nodes = [(node, each) for node in body if isinstance(node, ast.ImportFrom) for each in node.names]
    imported = {each.asname: (node.module, each.name) for node, each in nodes}
    assert imported == {name: (module, name) for name, module in LAZY[package.__name__].items()}
    for name in imported:
        assert name in dir(package) and getattr(package, name) is not None
    assert ast.unparse(body[-1]) == f"__all__ = {package.__all__!r}"


def test_every_lazy_package_has_such_a_file():
    assert {package.__name__ for package in STUBS.values()} == {*LAZY} and len(STUBS) >= 9


def test_search_and_pretrained_are_attributes_without_an_import_of_them():
    code = "import nasnet_keras as nk; nk.search.SearchConfig, nk.pretrained.list_models()"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)


@pytest.mark.parametrize(
    ("typed", "error", "meant"),
    [
        (lambda: nk.NasNetFromGenotype, AttributeError, "'NasNetFromGenotype'; did you mean 'NASNetFromGenotype'?"),
        (lambda: nk.pretrained.finetune, AttributeError, "did you mean 'fine_tune'?"),
        (lambda: nk.NASNetLarge, AttributeError, "did you mean 'nasnet_keras.applications.NASNetLarge'?"),
        (lambda: nk.fine_tune, AttributeError, "did you mean 'nasnet_keras.pretrained.fine_tune'?"),
        (lambda: nk.search.searchconfig, AttributeError, "did you mean 'SearchConfig'?"),
        (
            lambda: nk.NASNetFromGenotype("nasnet_a", num_classes=5),
            TypeError,
            "NASNetFromGenotype() got an unexpected keyword argument 'num_classes'; did you mean 'classes'?",
        ),
        (lambda: nk.applications.NASNetMobile(num_classes=5), ValueError, "stem_filters; did you mean 'classes'?"),
        (lambda: nk.genotype_cost("nasnet_a", (32, 32, 3), num_filters=4), ValueError, "did you mean 'filters'?"),
        (lambda: nk.NASNetFromGenotype("nasnet-a"), nk.GenotypeError, "'nasnet-a': did you mean 'nasnet_a'?"),
        (lambda: nk.NASNetFromGenotype("NASNet_A"), nk.GenotypeError, "did you mean 'nasnet_a'?"),
        (lambda: nk.NASNetFromGenotype("nasnet_a", skeleton="dart"), ValueError, "did you mean 'darts'?"),
        (lambda: SearchConfig("s1", trails=3), TypeError, "SearchConfig() got an unexpected keyword argument 'trails'"),
        (lambda: SearchConfig("s1", trails=3), TypeError, "'trails'; did you mean 'trials'?"),
        (lambda: TrainingConfig("run", num_filters=3), TypeError, "did you mean 'filters'?"),
        (lambda: SearchConfig("s1", recipe="shrot"), ValueError, "got 'shrot': did you mean 'short'?"),
        (lambda: TrainingConfig("run", recipe=3), ValueError, "Legal are: digits, paper, short"),
    ],
)
def test_a_misspelt_name_gets_a_suggestion(typed, error, meant):
    with pytest.raises(error) as caught:
        typed()
    assert meant in str(caught.value)


@pytest.mark.parametrize("statement", ["nk.model_costs", "nk.genotypes.NASNET_B", "nk.Genotipe", "nk.search.run_"])
def test_a_traceback_suggests_one_name_once(statement):
    code = f"import nasnet_keras as nk; {statement}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert done.returncode == 1 and done.stderr.splitlines()[-1].lower().count("did you mean") == 1, done.stderr


@pytest.mark.parametrize("name", ["train", "plot", "Model"])
def test_a_name_that_is_a_little_like_another_is_not_taken_for_it(name):
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'$"):
        getattr(nk, name)


def test_names_that_are_like_none_get_no_suggestion():
    with pytest.raises(AttributeError, match="has no attribute 'xyzzy'$"):
        nk.xyzzy  # noqa: B018
    assert not hasattr(nk, "__path_hooks__")


def test_names_are_taken_where_a_value_is_meant():
    """As the flags take them."""
    short = SearchConfig("s1", recipe="short").recipe
    assert short == Recipe(**{**RECIPES["short"].to_json(), "epochs": 5})
    assert SearchConfig("s1", recipe="short", evaluator="supernet", space="enas_micro").recipe.epochs == 150
    assert TrainingConfig("run", recipe="short").recipe is RECIPES["short"]
    named, given = (CellsConfig(genotype="nasnet_a", skeleton=one) for one in ("darts", DARTS))
    assert named == given and named != CellsConfig(genotype="nasnet_a")

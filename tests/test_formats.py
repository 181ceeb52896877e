"""The pages on file formats, and files: each field of a file is on its page, and each field there is in a file."""

import csv
import dataclasses
import importlib
import json
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from frozen.settings import TRAINING_RECIPE
from helpers import SMALL_GENOTYPE

from nasnet_keras import genotypes
from nasnet_keras.card import Card
from nasnet_keras.genotypes import catalogue
from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.genotypes.chain import ChainGenotype, ChainLayer
from nasnet_keras.genotypes.kinds import KINDS
from nasnet_keras.genotypes.operations import MACRO_OPERATIONS, NASBENCH201_OPERATIONS, OPERATIONS
from nasnet_keras.genotypes.skeleton import SKELETONS
from nasnet_keras.genotypes.stages import STAGE_OPERATIONS, Stage
from nasnet_keras.latency.device import Device
from nasnet_keras.pretrained import answers
from nasnet_keras.pretrained.plan import FILE, KIND, Plan
from nasnet_keras.search import SearchConfig, registry
from nasnet_keras.search.costs.measured import Measured
from nasnet_keras.search.study.folder import Study
from nasnet_keras.search.study.seeds import SeedsFolder
from nasnet_keras.search.study.trial import EQUAL, STATUSES, Trial
from nasnet_keras.training import datasets
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.datasets.recording import record_files
from nasnet_keras.training.evaluation import JUDGED, Answers
from nasnet_keras.training.mistakes import files as mistakes
from nasnet_keras.training.recipes import Recipe
from nasnet_keras.training.records import BEFORE
from nasnet_keras.utils.settings import settings
from nasnet_keras.utils.workdir import Workdir

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "docs/reference/formats"
FROZEN, STUDIES = ROOT / "tests/frozen", ROOT / "docs/studies"


_DIRECTIVE = r"```\{fields\} (\S+)\n(?::under: (\S+)\n)?(?::without: (.+)\n)?"


@pytest.fixture(autouse=True)
def fresh_keras():
    """Instead of the one of `conftest.py`: nothing here uses Keras."""


@cache
def sections(page):
    """The texts of a page by their headings, of any level."""
    parts = re.split(r"^#+ (.*)$", (PAGES / page).read_text(), flags=re.MULTILINE)
    return {title.strip("`"): text for title, text in zip(parts[1::2], parts[2::2], strict=True)}


def described(page, *titles):
    """The paths of fields that sections describe; those whose type is a link hold what another section describes."""
    found, wholes = set(), set()
    for title in titles:
        text = sections(page)[title]
        for names, kind in re.findall(r"^\| (`[^|]+`) \| ([^|]*) \|", text, re.MULTILINE):
            for name in re.findall(r"`([^`]+)`", names):
                (wholes if kind.startswith("[") else found).add(name)
        for cls, under, without in re.findall(_DIRECTIVE, text):
            module, _, name = cls.rpartition(".")
            fields = dataclasses.fields(getattr(importlib.import_module(module), name))
            names = [one.name for one in fields if one.init and one.name not in without.split()]
            found |= {f"{under}.{name}" if under else name for name in names}
    return found, wholes


def paths(value, path=""):
    """The paths of all fields of JSON values; an empty list or object is one itself."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from paths(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and value:
        for inner in value:
            yield from paths(inner, f"{path}[]")
    else:
        yield path


def covers(name, path, whole=False):
    """Whether the name of a field stands for a path; one that is a whole stands for all that is within it."""
    pattern = re.escape(name).replace(r"\*", r"[^\[]+?")
    within = r"([.\[].*)?" if whole or name.endswith("*") else r"(\[\])*"
    return re.fullmatch(pattern + within, path) is not None


def holds(name, path):
    """Whether the field of a name is within that of a path, which is empty in a file."""
    return name.startswith((f"{path}.", f"{path}[]"))


def check(page, titles, samples, absent=()):
    """Compare sections with the JSON values of files; `absent` are fields that no file in the checkout has."""
    samples = [*samples]
    assert samples
    there = {path for sample in samples for path in paths(sample)}
    names, wholes = described(page, *titles)
    unknown = {
        path
        for path in there
        if not any(covers(name, path, name in wholes) or holds(name, path) for name in names | wholes)
    }
    assert not unknown, f"{page} does not describe"
    unseen = {name for name in names | wholes if not any(covers(name, path, whole=True) for path in there)}
    assert unseen == set(absent), f"{page} describes what no file has"


def load(*files):
    """The JSON values of files, of `.jsonl` line by line; paths may hold patterns."""
    for file in files:
        for path in sorted(ROOT.glob(file)):
            lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
            yield from map(json.loads, lines)


@pytest.fixture(scope="module")
def images():
    """A data set of files."""
    return datasets.load(str(FROZEN / "pictures"), image_size=10, validation_fraction=0.25)


def description(folder, file, kind, config):
    """The file that describes a folder, as a job writes it."""
    Workdir(folder, file, kind, 1, config).close()
    return json.loads((folder / file).read_text())


def test_genotypes():
    values = [catalogue.get(name) for name in catalogue.names(BaseGenotype)]
    values += [ChainGenotype([ChainLayer((3, 3), 24), ChainLayer((1, 1), 36, ["layer_0"])], ["layer_0"])]
    values += [dataclasses.replace(genotypes.NASNET_A, skeleton="nasnet")]
    titles = {kind.genotype_class.FORMAT: kind for kind in KINDS if kind.genotype_class.FORMAT}
    for form in titles:
        samples = [value.to_plain() for value in values if form == value.FORMAT]
        (title,) = [one for one in sections("genotypes.md") if one.endswith(f"`{form}")]
        check("genotypes.md", [title], samples)
        if form == genotypes.NASNET_A.FORMAT:
            check("genotypes.md", ["A cell"], [plain["normal"] for plain in samples])
        if "stages" in samples[0]:
            check("genotypes.md", ["A stage"], [stage for plain in samples for stage in plain["stages"]])
    words = {word for text in sections("genotypes.md").values() for word in re.findall(r"`(\w+)`", text)}
    assert {*OPERATIONS, *MACRO_OPERATIONS, *NASBENCH201_OPERATIONS, *SKELETONS} <= words


def test_fields_are_described_as_they_stand_in_a_file(monkeypatch):
    pytest.importorskip("sphinx")
    monkeypatch.syspath_prepend(ROOT / "docs/extensions")
    described = importlib.import_module("fields").fields
    operation = next(meaning for name, _, meaning in described(Stage) if name == "operation")
    assert {*re.findall(r"`(\w+)`", operation)} == {*STAGE_OPERATIONS}
    legal = {name: words for cls in (Recipe, SearchConfig) for name, words, _ in described(cls)}
    assert (
        legal["sizes"].startswith("a list of pairs [progress, size]") and legal["epochs"] == "a positive whole number"
    )
    assert not any("integer" in words for words in legal.values())


def test_cards():
    samples = load("pretrained/cards/*.json", "tests/frozen/*/frozen*.json", "docs/studies/*/searched*.json")
    check("cards.md", ["NAME.json", "What is in the objects"], samples, absent=["training.epochs_before"])


def test_runs_of_training(images, tmp_path):
    recipe, used = Recipe(**TRAINING_RECIPE), {"dataset": "pictures", "num_repeats": 1, "filters": 2}
    samples = [*load("tests/frozen/train*/training.json", "tests/frozen/*/final/*/*/training.json")]
    weights = FROZEN / "trained/frozen.weights.h5"
    genotype = dataclasses.replace(SMALL_GENOTYPE, skeleton="darts")
    for number, more in enumerate(({}, {"genotype": genotype}, {"initial_weights": weights})):
        config = TrainingConfig("run", **{"genotype": SMALL_GENOTYPE, "recipe": recipe, **used, **more})
        plain = {**config.to_json(images), BEFORE: 3}
        samples.append(description(tmp_path / str(number), "training.json", "nasnet_keras.training", plain))
    check("runs.md", ["training.json"], samples)


def test_runs_of_fine_tuning(images, tmp_path):
    card = Card.read(FROZEN / "trained/frozen.json")
    plan = Plan(card.name, card, images, "mine", Recipe(**TRAINING_RECIPE), False, "adapt", (1.0,) * 3, 5, 0, True, "")
    plain = dataclasses.replace(plan, epochs_before=3).to_json()
    samples = [*load("tests/frozen/*/fine_tuning.json"), description(tmp_path, FILE, KIND, plain)]
    check("runs.md", ["fine_tuning.json"], samples)
    check("runs.md", ["history.json"], load("tests/frozen/**/history.json"))
    check("runs.md", ["result.json"], load("tests/frozen/fine_tuned/result.json"))


def test_records_of_images(images, tmp_path):
    record_files(tmp_path, images)
    check("runs.md", ["splits.json"], [json.loads((tmp_path / "splits.json").read_text())])
    given = {
        name: Answers((getattr(images, name).labels + 1) % 3, np.full(len(getattr(images, name)), 0.5))
        for name in JUDGED
    }
    mistakes.write(tmp_path, Card.read(FROZEN / "trained/frozen.json"), images, given)
    assert next(csv.reader((tmp_path / mistakes.TABLE).open())) == columns("runs.md", "mistakes.csv")


def test_checkpoints():
    with np.load(FROZEN / "training/checkpoint.npz") as file:
        check("runs.md", ["checkpoint.npz"], [json.loads(str(file["position"]))])


def columns(page, title):
    return re.findall(r"^\| `(\w+)` \|", sections(page)[title], re.MULTILINE)


def test_descriptions_of_studies(tmp_path):
    config = SearchConfig(tmp_path / "study", evaluator="tabular", table="nasnet_cells_cifar10")
    Study.open(config, device=Device("litert", "2.0", 1, "a processor"), measured=["latency_ms"]).close()
    samples = [*load("tests/frozen/study*/study.json", "docs/studies/*/study.json")]
    samples.append(json.loads((tmp_path / "study/study.json").read_text()))
    facts = ["config.costs_crc32"]
    known = {"config.cubed_reward", *(f"config.{name}" for name in settings(SearchConfig))}
    known |= {f"config.{name}" for name in ("epochs", "batch_size", "learning_rate")}  # of the first versions
    known |= {".".join(re.split(r"[.\[]", name)[:2]) for name in described("studies.md", "Facts under `config")[0]}
    assert {f"config.{name}" for sample in samples for name in sample["config"]} <= known
    check("studies.md", ["study.json", "Facts under `config"], samples, absent=facts)
    SeedsFolder(dataclasses.replace(config, workdir=tmp_path / "seeds"), 2).close()
    check("studies.md", ["seeds.json"], [json.loads((tmp_path / "seeds/seeds.json").read_text())])


def test_trials():
    failed = Trial(0, SMALL_GENOTYPE, "crashed", None, {"error": "a reason", EQUAL: 1}, 1.0, 0)
    samples = [*load("tests/frozen/study*/*trials.jsonl", "docs/studies/*/*trials.jsonl"), json.loads(failed.to_line())]
    check("studies.md", ["trials.jsonl"], samples)
    assert all(f"`{status}`" in sections("studies.md")["trials.jsonl"] for status in STATUSES)


def test_results():
    check("studies.md", ["result.json"], load("tests/frozen/study/result.json", "docs/studies/*/result.json"))


def test_tables():
    check("tables.md", ["nasnet_cells_cifar10.jsonl"], load("search/tables/*.jsonl"))
    check("tables.md", ["nasnet_cells_cifar10.json"], load("search/tables/*.json"))
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", sections("tables.md")["Tables of trained networks"], re.MULTILINE)
    assert {name for name, _ in rows} == {name for name, row in registry.SPACES.items() if "table" in row.offers}
    for name, cells in rows:
        needed = registry.space(name).load().benchmark.columns
        shown = re.findall(r"`(\w+)`", cells)
        assert {*shown} <= {*needed}
        assert name == "accel_nasbench" or {*shown} == {*needed}, "its blocks are named by the first and the last"


def test_latencies():
    predictors = [*load("docs/studies/latency_cifar10/latency_predictor.json")]
    check("latency.md", ["A predictor"], predictors)
    devices = [Device("litert", "2.0", 1, "a processor").to_json(), Device("litert", command="mine").to_json()]
    check("latency.md", ["A device"], devices)
    costs = {"latency_ms": 1.0, "peak_memory_mib": 2.0}
    measured = Measured("a", "b", "c", Device("litert"), costs, {"runs": 9})
    check("latency.md", ["latencies.jsonl"], [json.loads(measured.to_line())])


def test_files_beside_exports():
    """The object in the page on devices is that of a file, as `test_labels_beside.py` says."""
    (block,) = re.findall(r"```json\n(.*?)```", (ROOT / "docs/devices.md").read_text(), re.DOTALL)
    integers = [f"{side}.{name}" for side in ("input", "output") for name in ("scale", "zero_point")]
    check("exports.md", ["FILE.json"], [json.loads(block)], absent=integers)
    assert answers.columns(["CLASS"]) == ["path", "label", "probability", "probability_CLASS", "error"]
    shown = re.findall(r"`(\w+)`", sections("exports.md")["The table of answers"])
    assert {*answers.columns(["CLASS"]), "label_N", "probability_N"} <= {*shown}


def test_what_holds_for_all_files():
    alone = [
        catalogue.get("nasnet_a").to_plain(),
        *load("tests/frozen/*/frozen*.json", "tests/frozen/study/study.json"),
    ]
    alone += load("docs/studies/latency_cifar10/latency_predictor.json", "tests/frozen/*/training.json")
    assert all([*plain][:2] == ["format", "version"] for plain in alone)
    beside = [*load("tests/frozen/**/history.json", "tests/frozen/study/result.json", "search/tables/*.json")]
    assert beside and not any("format" in plain or "version" in plain for plain in beside)
    line = Trial(0, SMALL_GENOTYPE, "crashed", None, {"loss": 0.25}, 1.0, 0).to_line()
    assert np.isnan(Trial.from_line(line.replace("0.25", "NaN")).metrics["loss"])

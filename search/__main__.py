"""Search for cells, chains of layers or stages, as accurate as may be or within limits of cost.

Train many small networks ("children") of genotypes that an algorithm proposes, train the best ones ("finalists") and
random ones to the end, and save the winner with its card.

Without flags it searches on the embedded handwritten digits and takes three to ten minutes on two cores. A search that
was stopped continues when the same command is given again. Follow it in WORKDIR/report.html or with TensorBoard.
"""

from pathlib import Path
from typing import Any

from nasnet_keras.utils.jobs import run_job  # nothing slow here: see there
from nasnet_keras.utils.manual import Manual, next_steps


def _define_flags() -> tuple[Any, ...]:
    """Define the flags that are the job's own; those of a data set and of a recipe are shared."""
    from absl import flags

    from nasnet_keras.search.config import SearchConfig
    from nasnet_keras.search.study.seeds import SeedSettings
    from nasnet_keras.training import flags as shared_flags
    from nasnet_keras.utils.settings import define_flags, settings

    names = settings(SearchConfig).keys() - shared_flags.DATASET.keys()
    own = (*define_flags(SearchConfig, names, workdir="nasnet_search"), *define_flags(SeedSettings))
    flags.adopt_module_key_flags(shared_flags)  # `--help` shows them too
    return own


def main(values: dict[str, Any]) -> None:
    """Search by the values of the flags, and print the result."""
    import sys

    from absl import flags

    from nasnet_keras.search.config import SearchConfig
    from nasnet_keras.search.plausible import check_objective
    from nasnet_keras.search.study.known import check_continues, check_objects, known_settings, told
    from nasnet_keras.search.study.seeds import Seeds, recorded_seeds, settings_of_seeds
    from nasnet_keras.training.flags import DATASET, changes, is_named
    from nasnet_keras.utils.settings import from_flags

    values = {**values, **{name: flag.value for name, flag in DATASET.items()}}
    workdir, asked, begun = values["workdir"], values.pop("seeds"), recorded_seeds(values["workdir"])
    first = workdir if begun is None else Seeds(begun.first, 1).folders(workdir)[begun.first]
    check_objects(first)
    known = known_settings(first) or settings_of_seeds(workdir)
    if known:  # only what differs needs to be typed
        values = {name: value for name, value in values.items() if name == "workdir" or flags.FLAGS[name].present}
    typed = from_flags(SearchConfig, values)
    values = {**known, **typed}
    config = SearchConfig(**{**values, "recipe": _recipe(values, known)})
    check_continues(config)
    check_objective(config)
    taken = known.keys() - typed.keys() - ({"recipe"} if is_named() else set())
    if line := told(config, taken, changes()):
        print(line, file=sys.stderr)
    seeds = asked if begun is None else asked or begun.count
    _search(config) if seeds is None else _search_all(config, seeds)


def _search(config: Any) -> None:
    """Run one search, and print what it found."""
    from nasnet_keras.images.problems import of_record
    from nasnet_keras.search.loop import run  # imported late: it imports TensorFlow, which reads settings
    from nasnet_keras.search.report.terminal import summary
    from nasnet_keras.utils.progress import showing

    study = run(config)
    with showing("what the search found"):
        parts = [summary(study), of_record(study.config), next_steps(_steps(study))]
        print("\n" + "\n\n".join(filter(None, parts)))


def _search_all(config: Any, seeds: int) -> None:
    """Run a search with several seeds, and print what they found."""
    from nasnet_keras.images.problems import of_record
    from nasnet_keras.search.seeds import run_seeds  # as above
    from nasnet_keras.utils.progress import showing

    found = run_seeds(config, seeds)
    with showing("what the searches found"):
        steps = next_steps(_steps_of(found, config, seeds))
        report = f"{found}\nReport:     {Path(config.workdir, 'report.html')}"
        print("\n" + "\n\n".join(filter(None, [report, of_record(found.studies[0].config), steps])))


def _steps_of(found: Any, config: Any, seeds: int) -> dict[str, list[str]]:
    """What to type after a search with several seeds."""
    from nasnet_keras.search.study.seeds import Seeds

    searched = Seeds(config.seed, seeds).folders(config.workdir).values()  # the others may go on with other settings
    judged = [one for one in found.studies if one.best is not None and one.path in searched]
    best = max(judged, key=lambda one: one.best.reward)
    command = ["nasnet-search", f"--workdir={config.workdir}"]
    steps = {"Search with more seeds": [*command, f"--seeds={2 * seeds}"]}
    of_best = _steps(best)
    for name in ("Search on", "Find a winner"):
        steps |= {name: [*command, of_best[name][-1]]} if name in of_best else {}
    return steps | {f"{name} (seed {best.config['seed']})": step for name, step in of_best.items() if name not in steps}


def _recipe(values: dict[str, Any], known: dict[str, Any]) -> Any:
    """The recipe that the flags describe, or that of the folder with what the flags change."""
    from nasnet_keras.search.config import default_epochs
    from nasnet_keras.training.flags import changes, is_named, recipe
    from nasnet_keras.training.recipes import Recipe

    if "recipe" in known and not is_named():
        return Recipe(**{**known["recipe"], **changes()})
    evaluator = values.get("evaluator", "child")
    return recipe(values.get("dataset", "digits"), epochs=default_epochs(evaluator))


def _steps(study: Any) -> dict[str, list[str]]:
    """What to type after a search."""
    from nasnet_keras.search.config import may_change
    from nasnet_keras.search.registry import evaluator
    from nasnet_keras.search.study.trial import fingerprint

    config, result = study.config, study.result or {}
    command, steps = ["nasnet-search", f"--workdir={study.path}"], {}
    if "trials" in may_change(config["evaluator"]):
        steps["Search on"] = [*command, f"--trials={2 * config['trials']}"]
    if not config["finalists"]:
        steps["Find a winner"] = [*command, "--finalists=2"]
    if "card" in result:
        card = study.path / result["card"]
        steps["Fine-tune the winner"] = ["nasnet-finetune", f"--model={card}", "--train_dir=FOLDER", "--workdir=mine"]
    if evaluator(config["evaluator"]).trains and not isinstance(study.best.genotype, str):
        genotype = f"--genotype={study.path / 'best_genotype.json'}"
        which = "winner" if result.get("winner") == fingerprint(study.best.genotype) else "best child"
        train = ["nasnet-train", genotype, f"--dataset={config['dataset']}", "--workdir=longer"]
        steps[f"Train the {which} longer"] = train
    return steps


def _settings() -> tuple[type, ...]:
    from nasnet_keras.search.config import SearchConfig
    from nasnet_keras.search.study.seeds import SeedSettings
    from nasnet_keras.training.datasets.settings import DatasetSettings
    from nasnet_keras.training.recipes import Recipe

    return SearchConfig, SeedSettings, DatasetSettings, Recipe


def _defaults() -> dict[str, str]:
    from nasnet_keras.search.registry import EVALUATORS
    from nasnet_keras.training.flags import in_words
    from nasnet_keras.training.recipes import RECIPES

    usual = EVALUATORS["child"].epochs
    others = "".join(f", {row.epochs} of the {name}" for name, row in EVALUATORS.items() if row.epochs != usual)
    return {**in_words(RECIPES), "epochs": f"{usual} of a child{others}"}


_MANUAL = Manual(
    "nasnet-search --dataset=cifar10 --trials=60 --limit=parameters=1e6 --workdir=s1",
    ("dataset", "workdir", "trials", "limit", "epochs", "num_repeats", "filters", "final_epochs"),
    _settings,
    _defaults,
)


def console() -> None:
    """The console script `nasnet-search`."""
    run_job("nasnet-search", main, _define_flags, kept="the children already", manual=_MANUAL)


if __name__ == "__main__":
    console()

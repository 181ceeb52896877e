"""The search: its space, its study and whole runs as a user starts them."""

import contextlib
import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import psutil
import pytest
from PIL import Image

from nasnet_keras import Genotype
from nasnet_keras.card import Card
from nasnet_keras.genotypes.catalogue import NASNET_A
from nasnet_keras.search import CellSpace, SearchConfig, Study, StudyError, display, load_study, run
from nasnet_keras.search.evaluators.child import ChildEvaluator
from nasnet_keras.search.executors.inline import Inline
from nasnet_keras.search.report.tensorboard import SearchLog
from nasnet_keras.search.study.trial import Trial
from nasnet_keras.training import datasets
from nasnet_keras.training.errors import DivergedError
from nasnet_keras.training.recipes import Recipe
from nasnet_keras.utils import progress

RECIPE = Recipe(epochs=1, batch_size=64, learning_rate=0.1, pad=1, flip=False)
TINY = {"trials": 2, "random_trials": 1, "num_blocks": 1, "filters": 2, "recipe": RECIPE, "final_epochs": 2}
TINY |= {"executor": "inline", "finalists": 1, "train_images": 256}


def trial(number, reward=0.5, **changes):
    values = {"status": "ok", "metrics": {}, "seconds": 1.0, "seed": number}
    return Trial(**{"trial": number, "genotype": NASNET_A, "reward": reward, **values, **changes})


# --- study


def test_a_study_is_written_read_and_continued(tmp_path):
    config = SearchConfig(tmp_path / "study", **TINY)
    study = Study.open(config)
    with pytest.raises(StudyError, match="another process"):
        Study.open(config)
    study.append(trial(0, 0.5))
    study.append(trial(1, None, status="diverged"))
    study.append(trial(2, 0.7, genotype=CellSpace().decode(CellSpace().sample(np.random.default_rng(0)))))
    study.append(trial(3, 0.7))
    study.append(trial(7, 0.7))
    with pytest.raises(StudyError, match="trial 7 is recorded already"):
        study.append(trial(7))
    study.close()
    assert load_study(study.path).trials == study.trials
    assert study.best.trial == 2
    assert Genotype.from_json(study.path / "best_genotype.json") == study.best.genotype
    line = json.loads((study.path / "trials.jsonl").read_text().splitlines()[0])
    assert set(line) == {"trial", "genotype", "fingerprint", "status", "reward", "metrics", "seconds", "seed", "costs"}
    again = Study.open(config)
    assert again.trials == study.trials
    again.close()


def test_the_best_genotype_is_mended_after_a_kill(tmp_path):
    config = SearchConfig(tmp_path)
    better = CellSpace().decode(CellSpace().sample(np.random.default_rng(0)))
    study = Study.open(config)
    study.append(trial(0, 0.5))
    study.close()
    with (tmp_path / "trials.jsonl").open("a") as file:  # as a kill leaves it, before the other file is written
        file.write(trial(1, 0.9, genotype=better).to_line())
    Study.open(config).close()
    assert Genotype.from_json(tmp_path / "best_genotype.json") == better


def test_a_changed_configuration_is_refused_and_shown(tmp_path):
    Study.open(SearchConfig(tmp_path, seed=1)).close()
    before = (tmp_path / "study.json").read_bytes()
    with pytest.raises(StudyError, match="filters was 8 and is now 4; seed was 1 and is now 2"):
        Study.open(SearchConfig(tmp_path, seed=2, filters=4))
    assert (tmp_path / "study.json").read_bytes() == before
    Study.open(SearchConfig(tmp_path, seed=1, trials=500)).close()  # more of the same


def test_a_torn_last_line_is_dropped_and_a_damaged_one_reported(tmp_path):
    config = SearchConfig(tmp_path)
    study = Study.open(config)
    study.append(trial(0))
    study.append(trial(1))
    study.close()
    path = tmp_path / "trials.jsonl"
    whole = path.read_bytes()
    for cut in (1, 40, len(whole) // 2 - 1):
        path.write_bytes(whole[:-cut])
        assert load_study(tmp_path).trials == study.trials[:1]
        study_again = Study.open(config)
        study_again.append(trial(1))
        study_again.close()
        assert path.read_bytes() == whole
    path.write_bytes(whole.replace(b'"status": "ok"', b'"status": "good"', 1))
    damaged = path.read_bytes()
    with pytest.raises(StudyError, match=r"trials\.jsonl, line 1 is damaged"):
        Study.open(config)
    assert path.read_bytes() == damaged


def test_folders_that_are_no_studies(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(StudyError, match=r"not empty \(it has thesis\.txt\)"):
        Study.open(SearchConfig(tmp_path))
    with pytest.raises(StudyError, match="holds no study"):
        load_study(tmp_path)
    with pytest.raises(StudyError, match="cannot write"):
        Study.open(SearchConfig(tmp_path / "thesis.txt" / "study"))
    (tmp_path / "study.json").write_text('{"format": "nasnet_keras.study", "version": 9, "config": {}}')
    with pytest.raises(StudyError, match="version 9"):
        load_study(tmp_path)
    (tmp_path / "study.json").write_text("[]")
    with pytest.raises(StudyError, match="does not describe a study"):
        load_study(tmp_path)


def test_a_frozen_study_loads(tmp_path):
    """`tests/frozen/study` was written by version 0.1.0 and must load for ever."""
    study = load_study(shutil.copytree(Path(__file__).parent / "frozen" / "study", tmp_path / "study"))
    assert [t.trial for t in study.trials] == [0, 1]
    assert study.best.trial == 1 and study.best.reward == 0.21666666666666667
    assert study.best.genotype.fingerprint == "bb0673e20d450016"
    assert study.result["test_images"] == 300


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trials": 0}, "trials must be a positive integer, got 0"),
        ({"random_trials": -1}, "random_trials must be a whole number from 0"),
        ({"finalists": -1}, "finalists must be a whole number from 0, got -1"),
        ({"final_epochs": 1.5}, "final_epochs must be a positive integer"),
        ({"train_images": 0}, "train_images must be a positive integer"),
        ({"reward": "mean"}, "reward must be one of last, best, best_of_last_five, got 'mean'"),
        ({"algorithm": "evolution", "children_per_update": 4}, "children_per_update is for reinforce, ppo"),
        ({"algorithm": "ppo", "population_size": 4}, "population_size is for 'evolution', not for 'ppo'"),
        ({"algorithm": "evolution", "population_size": 0}, "population_size must be a positive integer, got 0"),
        ({"seed": -1}, "seed must be an integer from 0"),
    ],
)
def test_bad_configurations(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=".") as caught:
        SearchConfig(tmp_path, **arguments)
    assert message in str(caught.value)


def test_a_configuration_survives_json(tmp_path):
    recipe = Recipe(epochs=3, batch_size=8, learning_rate=0.2, sizes=((0.0, 0.5), (0.5, 1.0)))
    one = SearchConfig(tmp_path, recipe=recipe, operations=("identity", "conv_3x3"), child_memory_gib=2.5)
    again = SearchConfig.from_json(json.loads(json.dumps(one.to_json())))
    assert dataclasses.replace(again, workdir=tmp_path) == one
    assert SearchConfig(tmp_path).recipe.epochs == 5 and not SearchConfig(tmp_path).recipe.flip
    assert SearchConfig(tmp_path, dataset="cifar10").recipe.flip


def test_former_words_of_a_configuration_are_taken_with_a_warning(tmp_path):
    with pytest.warns(DeprecationWarning) as told:
        config = SearchConfig(tmp_path, evaluator="shared", cubed_reward=True)
    assert (config.evaluator, config.reward_exponent) == ("supernet", 3)
    expected = ["cubed_reward=True is now reward_exponent=3", "evaluator='shared' is now evaluator='supernet'"]
    assert sorted(str(one.message) for one in told) == expected and {one.filename for one in told} == {__file__}
    plain = {**config.to_json(), "evaluator": "shared", "cubed_reward": False}
    with pytest.warns(DeprecationWarning):
        assert SearchConfig.from_json(plain).reward_exponent == 1


def test_former_flags_are_taken_with_a_warning(tmp_path):
    script = """
import sys
from absl import flags
from nasnet_keras.search.__main__ import _define_flags
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.utils.settings import from_flags
own = _define_flags()
flags.FLAGS(sys.argv)
values = from_flags(SearchConfig, {flag.name: flag.value for flag in own})
print(values["evaluator"], values["reward_exponent"], values["pool_after"], "cubed_reward" in values)
print("cubed_reward" in flags.FLAGS.main_module_help(), "tensorflow" in sys.modules)
"""
    for given, found in (
        ([], "child None [] False"),
        (["--evaluator=shared", "--cubed_reward", "--pool_after=1,x"], "supernet 3 [1, 'x'] False"),
        (["--nocubed_reward", "--evaluator=supernet"], "supernet 1 [] False"),
    ):
        done = subprocess.run([sys.executable, "-c", script, *given], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines() == [found, "False False"]
        assert done.stderr.count(" is now ") == sum("shared" in one or "cubed" in one for one in given), done.stderr


def test_where_a_search_runs_may_change_and_how_children_are_trained_may_not(tmp_path):
    Study.open(SearchConfig(tmp_path)).close()
    Study.open(
        SearchConfig(tmp_path, workers=2, child_timeout_minutes=5.0, random_trials=20, finalists=9, final_epochs=7)
    ).close()
    with pytest.raises(StudyError, match="recipe.epochs was 5 and is now 6"):
        Study.open(SearchConfig(tmp_path, recipe=dataclasses.replace(SearchConfig(tmp_path).recipe, epochs=6)))


def test_other_images_are_another_search(tmp_path):
    Study.open(SearchConfig(tmp_path), {"images": {"train": 5}}).close()
    with pytest.raises(StudyError, match="images.train was 5 and is now 6"):
        Study.open(SearchConfig(tmp_path), {"images": {"train": 6}})


# --- whole runs


def test_run_saves_a_model_and_its_card(tmp_path):
    config = SearchConfig(tmp_path, **TINY)
    study = run(config)
    assert len(study.trials) == 2 and study.best.status == "ok" and len(study.random_trials) == 1
    result = study.result
    assert [one["origin"] for one in result["finalists"]] == ["search", "random"]
    card = Card.read(tmp_path / result["card"])
    assert card.genotype == study.best.genotype and card.metrics["test_accuracy"] == result["test_accuracy"]
    assert result["finalists"][0]["metrics"]["test_accuracy"] == result["test_accuracy"]
    digits = datasets.load("digits")
    model = keras.models.load_model(tmp_path / result["model"])
    logits = model.predict(digits.test.images / np.float32(127.5) - 1.0, verbose=0)
    assert np.mean(logits.argmax(-1) == digits.test.labels) == pytest.approx(result["test_accuracy"], abs=0.005)
    assert result["fingerprint"] == study.best.genotype.fingerprint
    assert "The search has ended" in (tmp_path / "report.html").read_text()
    stamp = (tmp_path / result["model"]).stat().st_mtime_ns
    assert run(config).result == result
    assert (tmp_path / result["model"]).stat().st_mtime_ns == stamp, "a finished search trains nothing"
    more = run(dataclasses.replace(config, finalists=2)).result["finalists"]
    assert [one["origin"] for one in more] == ["search"] * 2 + ["random"] * 2
    assert more[0]["metrics"] == result["finalists"][0]["metrics"], "what was trained is not trained again"


def test_random_children_are_of_no_algorithm_and_told_to_none(tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ChildEvaluator, "evaluate", lambda self, genotype, seed: (0.5, {}))
        patch.setattr(ChildEvaluator, "finish", lambda self, genotype, seed, folder: (0.5, {"test_accuracy": 0.5}))
        patch.setattr(ChildEvaluator, "publish", lambda self, folder, path: {})
        settings = {**TINY, "trials": 6, "random_trials": 6}
        studies = {
            name: run(SearchConfig(tmp_path / name, algorithm=name, **settings))
            for name in ("evolution", "ppo", "random")
        }
    drawn = [[one.genotype for one in study.random_trials] for study in studies.values()]
    assert drawn[0] == drawn[1] and len(set(drawn[0])) == 6 and drawn[2] == []
    for study in studies.values():  # evolution begins with random children of the same seed
        assert not {one.genotype for one in study.trials} & set(drawn[0])


@pytest.fixture
def quick(monkeypatch):
    """Children and finalists that are not trained; what a finalist scores, and what it was asked."""
    asked, scores = [], {}

    def finish(self, genotype, seed, folder):
        asked.append(folder)
        score = scores.get(folder.name, 0.5)
        if isinstance(score, list):
            score = score.pop(0)
        if isinstance(score, Exception):
            raise score
        return score, {"test_accuracy": score}

    monkeypatch.setattr(ChildEvaluator, "evaluate", lambda self, genotype, seed: (0.5 + seed / 100, {}))
    monkeypatch.setattr(ChildEvaluator, "finish", finish)
    monkeypatch.setattr(ChildEvaluator, "publish", lambda self, folder, path: {"card": folder.name})
    return asked, scores


def test_the_winner_is_the_best_finalist_of_the_search(tmp_path, quick):
    asked, scores = quick
    config = SearchConfig(tmp_path, **{**TINY, "trials": 5, "finalists": 2})
    first = run(config)
    names = [folder.name for folder in asked]
    assert [name.partition("_")[0] for name in names] == ["search", "search", "random", "random"]
    second = f"search_{first.trials[3].genotype.fingerprint}"
    assert names[:2] == [f"search_{first.best.genotype.fingerprint}", second]
    scores |= {second: 0.7, names[2]: 0.9}
    (tmp_path / "result.json").unlink()
    result = run(config).result
    assert result["winner"] == first.trials[3].genotype.fingerprint and result["card"] == second
    assert result["fingerprint"] == first.best.genotype.fingerprint and result["test_accuracy"] == 0.7


def test_finalists_are_trained_again_where_it_matters(tmp_path, quick):
    asked, scores = quick
    config = SearchConfig(tmp_path, **{**TINY, "trials": 4, "finalists": 1})
    study = run(config)
    name = f"search_{study.best.genotype.fingerprint}"
    assert len(asked) == 2 and run(config).result == study.result and len(asked) == 2
    longer = dataclasses.replace(config, final_epochs=9)
    assert run(longer).result["settings"]["epochs"] == 9
    assert len(asked) == 4 and asked[2].name == asked[0].name and asked[2] != asked[0]
    (tmp_path / "result.json").unlink()
    scores[name] = [RuntimeError("killed"), RuntimeError("killed"), 0.6]
    assert run(config).result["test_accuracy"] == 0.6, "a training whose process ends goes on"
    (tmp_path / "result.json").unlink()
    scores[name], scores[asked[1].name] = 0.6, RuntimeError("always")
    assert run(config).result["finalists"][1]["status"] == "crashed"
    scores.clear()
    assert run(config).result["finalists"][1]["status"] == "ok", "the same command tries again"


def test_what_is_gone_of_a_finished_search_is_told_and_made_again(tmp_path, quick, monkeypatch, caplog):
    made = ("a.json", "a.weights.h5", "a.keras")

    def finish(self, genotype, seed, folder):
        if not all((folder / name).exists() for name in made):
            trained.append(folder)
            for name in made:
                (folder / name).touch()
        return 0.5, {"test_accuracy": 0.5}

    def publish(self, folder, path):
        for name in made:
            shutil.copy(folder / name, path)
        return {"card": "a.json", "model": "a.keras"}

    trained = []
    monkeypatch.setattr(ChildEvaluator, "finish", finish)
    monkeypatch.setattr(ChildEvaluator, "publish", publish)
    config = SearchConfig(tmp_path, **{**TINY, "trials": 2, "finalists": 1})
    run(config)
    assert len(trained) == 2
    for name in made:
        (tmp_path / name).unlink()
        caplog.clear()
        run(config)
        assert (tmp_path / name).exists() and len(trained) == 2 and f"lacks {name}: it is made again" in caplog.text
    caplog.clear()
    run(config)
    assert caplog.text == ""
    shutil.rmtree(trained[1])
    run(config)
    assert len(trained) == 3 and trained[1] == trained[2] and f"{trained[1].name}/a.json" in caplog.text
    (tmp_path / "trials.jsonl").unlink()
    run(config)
    assert f"{tmp_path} lacks its trials: it is searched anew" in caplog.text


def test_the_folder_is_let_go_after_all_processes_ended(tmp_path, quick, monkeypatch):
    closed = []
    for kind in (Inline, Study):
        close = kind.close
        monkeypatch.setattr(kind, "close", lambda self, close=close: (closed.append(type(self).__name__), close(self)))
    run(SearchConfig(tmp_path, **TINY))
    assert closed.index("Inline") < closed.index("Study")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), UnicodeEncodeError("utf-8", "", 0, 1, "")])
def test_what_only_shows_the_search_does_not_end_it(error, tmp_path, quick, monkeypatch):
    def fail(*_, **__):
        raise error

    for owner, name in ((display, "write_report"), (SearchLog, "trial"), (SearchLog, "close"), (progress, "tqdm")):
        monkeypatch.setattr(owner, name, fail)
    monkeypatch.setattr(display, "_REPORT_SECONDS", -1.0)
    monkeypatch.setattr(progress, "_told", set())
    said = []
    monkeypatch.setattr(progress.logging, "warning", lambda text, *values: said.append(text % values))
    assert len(run(SearchConfig(tmp_path / "one", **TINY)).trials) == 2
    assert len(said) == 3 and all(type(error).__name__ in line for line in said), "each is told of once"
    monkeypatch.setattr(SearchLog, "__init__", fail)
    assert len(run(SearchConfig(tmp_path / "two", **TINY)).trials) == 2
    monkeypatch.setitem(sys.modules, "nasnet_keras.search.report.tensorboard", None)
    assert len(run(SearchConfig(tmp_path / "three", **TINY)).trials) == 2


def test_children_that_fail_are_trials_and_the_search_goes_on(tmp_path, monkeypatch, without_finals):
    failures = [MemoryError("no memory"), RuntimeError("broken"), DivergedError("nan")]
    expected = ["out_of_memory", "crashed", "diverged", "ok"]
    real = ChildEvaluator.evaluate

    def fail(*arguments):
        if failures:
            raise failures.pop(0)
        return real(*arguments)

    monkeypatch.setattr(ChildEvaluator, "evaluate", fail)
    study = run(SearchConfig(tmp_path, **{**TINY, "trials": 4}))
    assert [t.status for t in load_study(tmp_path).trials] == expected and study.best.trial == 3
    assert study.trials[1].metrics == {"error": "RuntimeError: broken"} and study.trials[1].reward is None


def test_a_final_training_that_diverges_is_one_clear_error(tmp_path, quick, monkeypatch):
    study = run(SearchConfig(tmp_path, **TINY))
    (tmp_path / "result.json").unlink()

    def diverge(*arguments):
        raise DivergedError("the loss became nan")

    monkeypatch.setattr(ChildEvaluator, "finish", diverge)
    with pytest.raises(StudyError, match="none of the best genotypes could be trained longer .*the loss became nan"):
        run(SearchConfig(tmp_path, **TINY))
    assert load_study(tmp_path).trials == study.trials


def test_a_search_without_any_success_is_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.setattr(ChildEvaluator, "evaluate", lambda *_: 1 / 0)
    with pytest.raises(StudyError, match="none of 2 children could be trained; see .*trials.jsonl"):
        run(SearchConfig(tmp_path, **TINY))
    assert "division by zero" in (tmp_path / "report.html").read_text()


def command(*flags):
    return [sys.executable, "-m", "nasnet_keras.search", *flags]


def flags_for(workdir):
    """Two children at once, whose results decide what is proposed."""
    flags = {"workdir": workdir, "trials": 8, "random_trials": 2, "num_blocks": 1, "filters": 2, "epochs": 1}
    flags |= {
        "final_epochs": 2,
        "finalists": 1,
        "train_images": 256,
        "algorithm": "ppo",
        "children_per_update": 2,
        "window": 2,
    }
    return [f"--{name}={value}" for name, value in flags.items()]


def descendants(process):
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(process.pid).children(recursive=True)
    return []


def plain(trials):
    return [dataclasses.replace(one, seconds=0.0) for one in trials]


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_with_the_same_trials(tmp_path, generator):
    whole = subprocess.run(
        command(*flags_for(tmp_path / "whole")), check=True, capture_output=True, text=True, timeout=400
    )
    for words in ("search (1 of 3; then random ", "random (2 of 3; then finalists of ", "finalists (3 of 3):"):
        assert words in whole.stderr, "progress is shown"
    for words in ("Controller: 3 updates", "Rewards of random search:", "test accuracy 0.", "report.html"):
        assert words in whole.stdout
    killed, done = tmp_path / "killed", []
    for kill in range(2):
        process = subprocess.Popen(command(*flags_for(killed)), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while len(descendants(process)) < 3 and process.poll() is None:  # two workers, and a child of one
            time.sleep(0.05)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(generator.uniform(2.0, 15.0))
        process.send_signal(signal.SIGKILL if kill % 2 else signal.SIGTERM)
        process.wait()
        done.append(len(load_study(killed).trials))
    assert done == sorted(done) and done[-1] > 0, done
    subprocess.run(command(*flags_for(killed)), check=True, capture_output=True, timeout=400)
    one, other = load_study(tmp_path / "whole"), load_study(killed)
    assert plain(one.trials) == plain(other.trials) and plain(one.random_trials) == plain(other.random_trials)
    same = ("fingerprint", "winner", "test_accuracy", "validation_accuracy")
    assert {name: one.result[name] for name in same} == {name: other.result[name] for name in same}
    assert not list(killed.glob(".workers*"))


@pytest.mark.slow
def test_a_killed_child_costs_itself_alone(tmp_path, generator):
    """On a folder of images, by random search, whose other trials must be the same.

    The names of the folder and of a study are no text: those of a system without Unicode.
    """
    digits = datasets.load("digits")
    for index in range(120):
        folder = tmp_path / "images\udcff" / str(digits.train.labels[index] % 3)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(digits.train.images[index, :, :, 0]).save(folder / f"{index}.png")
    flags = {"algorithm": "random", "trials": 4, "num_blocks": 1, "filters": 2, "epochs": 2, "final_epochs": 1}
    flags |= {"finalists": 1, "dataset": tmp_path / "images\udcff", "image_size": 12, "batch_size": 16, "sizes": "0:1"}
    studies = {}
    for name in ("whole", "wounded\udcff"):
        settings = {**flags, "workdir": tmp_path / name}
        process = subprocess.Popen(
            command(*(f"--{flag}={value}" for flag, value in settings.items())), stderr=subprocess.PIPE, text=True
        )
        killed = name == "whole"
        while not killed and process.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):  # it had ended: another one
                children = [one for one in descendants(process) if one.parent().pid != process.pid]
                busy = [one for one in children if one.cpu_times().user > 0.3]  # others wait for a child to train
                if busy:
                    time.sleep(generator.uniform(0.0, 1.0))
                    busy[0].kill()
                    killed = True
        _, errors = process.communicate(timeout=400)
        assert process.returncode == 0, errors
        studies[name] = {one.trial: one for one in load_study(tmp_path / name).trials}
        assert "images\\udcff" in (tmp_path / name / "report.html").read_text()
    lost = [one for one in studies["wounded\udcff"].values() if one.status == "crashed"]
    assert len(lost) == 1 and all("killed" in one.metrics["error"] for one in lost)
    for number, one in studies["whole"].items():
        other = studies["wounded\udcff"][number]
        assert one.genotype == other.genotype and (other in lost or plain([one]) == plain([other]))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--trials=0"], "--trials"),
        (["--learning_rate=-1"], "learning_rate must be positive, got -1.0"),
        (["--max_concurrent=0"], "--max_concurrent"),
        (["--executor=cloud"], "--executor"),
        (["--no_such_flag=1"], "no_such_flag"),
        (["digits"], "unexpected argument 'digits'"),
    ],
)
def test_bad_flags_are_one_clear_error_and_make_no_folder(flags, message, tmp_path):
    done = subprocess.run(command(*flags), capture_output=True, text=True, cwd=tmp_path, timeout=600)
    assert done.returncode != 0
    assert message in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "no_such_data"}, "no data set 'no_such_data'"),
        ({"dataset": "./nowhere"}, "no folder"),
        ({"train_images": 5000}, "train_images=5000"),
    ],
)
def test_bad_data_is_one_clear_error_and_makes_no_folder(changes, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        run(SearchConfig(tmp_path / "study", **changes))
    assert list(tmp_path.iterdir()) == []


def test_flags_come_from_a_file_too(tmp_path):
    (tmp_path / "flags").write_text("--trials=3\n--batch_size=0\n")
    done = subprocess.run(command(f"--flagfile={tmp_path / 'flags'}"), capture_output=True, text=True, timeout=600)
    assert "batch_size" in done.stderr + done.stdout and done.returncode != 0


@pytest.mark.parametrize("script", [False, True])
def test_help_lists_the_flags(script):
    program = [Path(sys.executable).with_name("nasnet-search")] if script else command()
    done = subprocess.run([*program, "--help"], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0 and "A search that was stopped continues" in " ".join(done.stdout.split())
    for name in ("workdir=", "trials=", "num_blocks=", "seed=", "dataset=", "epochs=", "gpus_per_child=", "[no]flip"):
        assert f"  --{name}" in done.stdout

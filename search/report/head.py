"""The head of a study's page: the search in sentences, its progress, its main figures, and its failures."""

from collections import Counter
from datetime import UTC, datetime
from itertools import starmap
from typing import Any

from nasnet_keras.pages.markup import code, duration, figure, integer, number, percent, section, table, text
from nasnet_keras.search import registry
from nasnet_keras.search.costs.own import is_own
from nasnet_keras.search.report.amounts import amount
from nasnet_keras.search.report.facts import Facts, accuracy
from nasnet_keras.search.study.pareto import cost_of

__all__ = ["failures", "head"]

_REASONS = 12
_REWARD = {
    "last": "the last validation accuracy",
    "best": "the best validation accuracy",
    "best_of_last_five": "the best of the last five validation accuracies",
}
_POWER = {1: "", 3: "the cube of "}


def head(facts: Facts) -> str:
    """Write the title, the search in sentences, and the main figures."""
    config = facts.config
    lead = (
        f"The algorithm {code(facts.algorithm)} in the space {code(config.get('space', 'nasnet'))} "
        f"on the data set {code(config.get('dataset', 'unnamed'))}. {_training(config)}"
        f"{_objective(config.get('objective'))}"
        f"{_predicted(config.get('latency_predictor'))}{_measured(facts)}"
    )
    problem = f'<p class="status">{text(facts.problem)}</p>' if facts.problem else ""
    tiles = "\n".join(
        f"<div><dt>{title}</dt><dd>{value}<small>{note}</small></dd></div>" for title, value, note in _tiles(facts)
    )
    return (
        f"<header>\n<h1>{text(title(facts))}</h1>\n"
        f'<p class="lead">{lead}</p>\n<p class="lead">{_state(facts)}</p>\n{problem}</header>\n'
        f'<dl class="tiles">\n{tiles}\n</dl>'
    )


def title(facts: Facts) -> str:
    """Compose the page's title, as plain text."""
    return f"Architecture search on {facts.config.get('dataset', 'an unnamed data set')}: {facts.study.path.name}"


def failures(facts: Facts) -> str:
    """Tabulate the failed trials by status and reason."""
    failed = facts.failed
    if not failed:
        return ""
    keys = [(trial.status, str(trial.metrics.get("error", "no reason was recorded"))) for trial in failed]
    reasons = Counter(keys)
    first = {key: trial.trial for key, trial in zip(reversed(keys), reversed(failed), strict=True)}
    shown = reasons.most_common(_REASONS)
    rows = [
        (f'<span class="status">{text(key[0])}</span>', integer(count), integer(first[key]), text(key[1]))
        for key, count in shown
    ]
    rest = sum(reasons.values()) - sum(count for _, count in shown)
    note = f'<p class="note">{rest:,} more failed for other reasons.</p>' if rest else ""
    share = len(failed) / len(facts.trials)
    over = f" {len(facts.over_limit):,} more were over a limit, and were not trained." if facts.over_limit else ""
    return section(
        "failures",
        "Failures",
        f"<p>{len(failed):,} of {len(facts.trials):,} trials ({100 * share:.1f} %) failed; the search went on."
        f"{over}</p>",
        table("Failed trials by status and reason", ("Status", "Trials", "First", "Reason"), rows, numeric=(1, 2)),
        note,
    )


def _tiles(facts: Facts) -> list[tuple[str, str, str]]:
    best, trials = facts.study.best, facts.trials
    planned = f"of {facts.planned:,} asked for" if facts.planned else "children evaluated"
    failed = len(facts.failed)
    fewer = {"Stopped early": len(facts.stopped), "Over the limit": len(facts.over_limit)}
    tiles = [
        ("Best reward", figure(best.reward) if best else "–", _which(facts) if best else "no success yet"),
        ("Trials", integer(len(trials)), planned),
        ("Failed", integer(failed), f"{100 * failed / len(trials):.1f} % of the trials" if trials else "no child yet"),
        *(
            (title, integer(count), f"{100 * count / len(trials):.1f} % of the trials")
            for title, count in fewer.items()
            if count
        ),
        ("Children's time", duration(sum(trial.seconds for trial in trials)), _time(facts)),
    ]
    if facts.study.updates is not None:
        each = facts.config["children_per_update"]
        tiles.append(
            ("Controller updates", integer(facts.study.updates), f"before the last child; {each} children each")
        )
    if facts.limits:
        tiles.append(("Limit", "<br/>".join(starmap(amount, facts.limits.items())), _cost_of_best(facts)))
    test = accuracy(facts.result, "test_accuracy")
    if test is not None:
        tiles.append(("Test accuracy", percent(test), "of the winner, at the end"))
    return tiles


def _cost_of_best(facts: Facts) -> str:
    """The limited costs of the best child."""
    best = facts.study.best
    shown = (amount(name, cost_of(best, name)) for name in facts.limits) if best else ()
    return f"the best child has {', '.join(shown)}" if best else "no child within it yet"


def _which(facts: Facts) -> str:
    return f"{'derived genotype' if facts.derived else 'trial'} {facts.study.best.trial}"


def _time(facts: Facts) -> str:
    """The average time of a child, and the time spent on random children and on finalists."""
    if not facts.trials:
        return "no child yet"
    notes = [f"{duration(sum(trial.seconds for trial in facts.trials) / len(facts.trials))} each"]
    if random := [] if facts.is_random else [*facts.random, *facts.random_beyond]:
        notes.append(f"random ones {duration(sum(trial.seconds for trial in random))}")
    final = [one.get("seconds") for one in facts.finalists] or [(facts.result or {}).get("seconds")]
    if spent := sum(seconds for seconds in final if number(seconds) is not None):
        notes.append(f"at the end {duration(spent)}")
    return "<br/>".join(notes)


def _state(facts: Facts) -> str:
    done, planned = len(facts.trials), facts.planned
    if facts.result is not None and (planned is None or done >= planned):
        return f"The search has ended after {done:,} trials, and the best genotypes have been judged."
    log = facts.study.path / "trials.jsonl"
    try:
        moment = datetime.fromtimestamp(log.stat().st_mtime, UTC)
        last = f"; the last trial was recorded on {moment:%Y-%m-%d at %H:%M} UTC"
    except OSError:
        last = ""
    if not done:
        return f"No trial has finished yet.{_under_way(facts)}"
    if planned is not None and done < planned:
        return f"The search has not ended: {done:,} of {planned:,} trials are done{last}.{_under_way(facts)}"
    return f"{done:,} trials are done{last}; the best genotype has not been judged yet.{_under_way(facts)}"


def _under_way(facts: Facts) -> str:
    """The children that are being judged, in a further sentence."""
    sentence = "" if facts.under_way is None else facts.under_way.sentence()
    return f" {sentence}" if sentence else ""


def _measured(facts: Facts) -> str:
    """The device that costs were measured on."""
    device = facts.study.device
    return "" if device is None else f" Latencies are measured on {text(str(device))}."


def _predicted(predictor: Any) -> str:
    """Latencies that were predicted, by what, and how well."""
    error = predictor.get("held_out", {}).get("median_error") if isinstance(predictor, dict) else None
    if number(error) is None:
        return ""
    measured = f"{predictor.get('networks')} measured networks"
    how = ", ".join(text(str(value)) for value in predictor.get("device", {}).values())
    return (
        f" Latencies are predicted from {measured} ({how}): held-out ones with a median error of {100 * error:.1f} %."
    )


def _objective(objective: Any) -> str:
    """The function of one's own that gives the rewards, in a sentence."""
    return f" Its reward is what the function {code(objective)} makes of its figures." if is_own(objective) else ""


def _training(config: dict[str, Any]) -> str:
    """The evaluation of a child, in a sentence."""
    evaluator = registry.evaluator(config.get("evaluator", "child"))
    if not evaluator.trains:
        return f"No child is trained: its figures are looked up in {code(config.get('table', 'a table'))}."
    recipe = config.get("recipe")
    values = {**config, **recipe} if isinstance(recipe, dict) else config
    if evaluator.shares_weights:
        epochs = f" in {integer(values['epochs'])} epochs" if number(values.get("epochs")) is not None else ""
        return (
            f"Children share the weights of one supernet{_size(values)}, trained{epochs}; a reward is the accuracy on "
            f"a batch."
        )
    if (proxy := config.get("proxy")) is not None:
        images = f" of {integer(config['proxy_images'])} images" if number(config.get("proxy_images")) else ""
        return (
            f"No child{_size(values)} is trained: its reward is the zero-cost proxy {code(proxy)}{images}, which is no "
            f"accuracy. Finalists are trained."
        )
    if evaluator.how is None:  # an object, or of a later version
        return f"Each child is judged by the evaluator {code(config.get('evaluator'))}."
    reward = _REWARD.get(config.get("reward"), "an accuracy")
    power = _POWER.get(exponent := config.get("reward_exponent", 1), f"the power of {exponent:g} of ")
    said = "" if is_own(config.get("objective")) else f"; its reward is {power}{reward}"
    return f"Each child{_size(values)} is {' '.join([evaluator.how, *_recipe(values)])}{said}.{_stopping(config)}"


def _stopping(config: dict[str, Any]) -> str:
    """The rungs at which children are stopped, in a sentence."""
    rungs = config.get("rungs")
    shown = ",".join(map(str, rungs)) if isinstance(rungs, list | tuple) else ""
    return f" Those that fall behind are stopped early ({code(f'rungs={shown}')})." if shown else ""


def _size(values: dict[str, Any]) -> str:
    """The sizes of the children's networks, in brackets."""
    space = registry.space(values.get("space"))
    others = {name for row in registry.SPACES.values() if row is not space for name in row.own}
    sizes = [
        f"{sign}&nbsp;=&nbsp;{values[name]:,g}"
        for sign, name in (("N", "num_repeats"), ("F", "filters"), ("α", "alpha"))
        if number(values.get(name)) is not None and name not in {*space.lacks, *space.ignores, *(others - {*space.own})}
    ]
    return f" ({', '.join(sizes)})" if sizes else ""


def _recipe(values: dict[str, Any]) -> list[str]:
    """The main settings of the children's training, in words."""
    parts = []
    if (epochs := number(values.get("epochs"))) is not None:
        parts.append(f"for {integer(epochs)} epoch{'s' if epochs != 1 else ''}")
    if (batch := number(values.get("batch_size"))) is not None:
        parts.append(f"in batches of {integer(batch)}")
    if (rate := number(values.get("learning_rate"))) is not None:
        parts.append(f"at a learning rate of {rate:g}")
    return parts

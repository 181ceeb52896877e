"""Fine-tuning on: a finished run that is asked for more epochs goes on from its weights, with the classifier it has."""

import dataclasses
from pathlib import Path

from absl import logging

from nasnet_keras.card import Card
from nasnet_keras.pretrained import result
from nasnet_keras.pretrained.plan import FILE, KIND, Plan, upgraded
from nasnet_keras.training.further import earlier, first_of, put_aside
from nasnet_keras.training.records import BEFORE
from nasnet_keras.utils.workdir import Workdir, WorkdirError, recorded

__all__ = ["going_on"]


def going_on(plan: Plan, folder: Path, wanted: int | None) -> Plan:
    """The plan of what is left, if the folder holds a finished run of fewer epochs; else the plan itself.

    Args:
        plan: the plan of a run from the beginning.
        folder: the run's folder.
        wanted: the epochs that were asked for; None if that was left to the plan.

    Raises:
        WorkdirError: the folder has another configuration in more than the epochs, what it goes on from is gone, or it
            was trained on and no epochs were asked for.
    """
    names = result.files(plan.name)
    if wanted is None and BEFORE in recorded(folder, FILE):
        raise WorkdirError(f"{folder} was trained on: say by epochs to how many in all, or name a new folder")
    found = None if wanted is None else earlier(folder, FILE, wanted, names)
    if found is None:
        return plan
    begun = first_of(found, FILE).get("model")
    if begun is not None and begun != plan.to_json()["model"] and (found.aside or BEFORE in recorded(folder, FILE)):
        logging.warning(
            "%s is trained on from its own model, so that %s is not read: name a new folder to begin with it",
            folder,
            plan.source.name,
        )
    recipe = dataclasses.replace(plan.recipe, epochs=wanted - found.epochs)
    if found.ended is not None:
        digest = found.ended.get("model")
        return dataclasses.replace(plan, recipe=recipe, epochs_before=found.epochs, model_digest=digest)

    def left() -> Plan:
        model = found.folder / f"{plan.name}.json"
        return dataclasses.replace(
            plan, model=model, source=Card.read(model), recipe=recipe, epochs_before=found.epochs
        )

    if not found.aside:
        old, now = recorded(folder, FILE), plan.to_json()
        now |= {"recipe": {**now["recipe"], "epochs": old["recipe"]["epochs"]}}
        free = ("patience", "head_only", *(("model", BEFORE) if BEFORE in old else ()))
        now |= {name: old[name] for name in free if name in old}
        work = Workdir(folder, FILE, KIND, 1, now, complete=upgraded)
        try:
            put_aside(found, work, names, lambda: left().to_json())
        finally:
            work.close()
    return left()

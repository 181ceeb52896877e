"""What an executor writes in a study's folder, and what it tells its workers."""

import contextlib
import json
import shutil
import sys
from pathlib import Path

from nasnet_keras.search import registry
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.executors.base import Task
from nasnet_keras.search.objects import class_name, description
from nasnet_keras.utils import files
from nasnet_keras.utils.progress import showing
from nasnet_keras.utils.workdir import WorkdirError

__all__ = ["Workspace", "judge", "setup_line"]

_LOGS = "logs"


class Workspace:
    """An executor's temporary files in a study's folder, and the logs of its children.

    Args:
        study: the study's folder.

    Attributes:
        path: the folder of the temporary files, which is new and empty.
    """

    def __init__(self, study: Path) -> None:
        self._study, self.path = study, study / ".workers"
        files.check(self.path)
        shutil.rmtree(self.path, ignore_errors=True)  # left by a search that was killed
        self.path.mkdir()

    def keep(self, task: Task, output: bytes) -> None:
        """Keep the last output of a task that failed; it is shown to people only, so an error ends nothing."""
        if not output.strip():
            return
        stage = "" if task.stage == "train" else f"_{task.stage}"
        name = f"final_{task.folder.name}" if task.folder is not None else f"{task.group}_{task.number}{stage}"
        with showing("the log of a child that failed"):
            files.check(self._study / _LOGS)
            (self._study / _LOGS).mkdir(exist_ok=True)
            files.write_bytes(self._study / _LOGS / f"{name}.log", output)

    def close(self) -> None:
        """Remove the temporary files; a second call does nothing."""
        with contextlib.suppress(WorkdirError):  # another process may have taken the folder over
            files.check(self.path)
            shutil.rmtree(self.path, ignore_errors=True)


def judge(config: SearchConfig, evaluator: Evaluator | None) -> str:
    """Return the `objects.class_name` of the evaluator, or of the one that the configuration names if it is None."""
    return registry.evaluator(config.evaluator).place if evaluator is None else class_name(type(evaluator))


def setup_line(evaluator: Evaluator, config: SearchConfig) -> bytes:
    """Write the line that tells a worker what judges its tasks.

    Args:
        evaluator: the evaluator.
        config: the configuration by which a worker makes an equal one: see `Evaluator.exported`.
    """
    plain = {"evaluator": description(evaluator), "config": config.to_json(), "command": sys.argv}
    return json.dumps(plain).encode() + b"\n"

"""What a study's folder knows of its settings, so that who goes on with it types only what differs.

`study.json` has the settings that may not change under `config`, and all of the latest sitting under `sitting`.
"""

import json
from pathlib import Path
from typing import Any

from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.study.errors import StudyError
from nasnet_keras.search.study.upgrades import in_words_of, upgraded_config
from nasnet_keras.utils.files import write_text
from nasnet_keras.utils.json_text import parse, text_of
from nasnet_keras.utils.settings import check_json, settings
from nasnet_keras.utils.workdir import check_same, recorded

__all__ = ["check_continues", "known_settings", "remember"]

_FILE = "study.json"
_SITTING = "sitting"


def remember(path: Path, config: SearchConfig) -> None:
    """Record the settings of a sitting, those that may change too.

    Raises:
        OSError: they cannot be written.
    """
    plain = json.loads((path / _FILE).read_text(encoding="utf-8"))
    sitting = {name: value for name, value in config.to_json().items() if name != "workdir"}
    if plain.get(_SITTING) != sitting:
        write_text(path / _FILE, json.dumps({**plain, _SITTING: sitting}, indent=2) + "\n")


def known_settings(workdir: str | Path) -> dict[str, Any]:
    """Read the settings of the study in a folder, as JSON values by name; none if there is no study to be read.

    Example:
        >>> known_settings("nowhere")
        {}
    """
    try:
        plain = parse(text_of(Path(workdir, _FILE)))
        found = upgraded_config(plain["config"])
    except (OSError, ValueError, KeyError, TypeError):  # a search that continues the folder raises the error
        return {}
    sitting = plain.get(_SITTING)
    found |= sitting if isinstance(sitting, dict) else {}
    return {name: value for name, value in found.items() if name in settings(SearchConfig) and name != "workdir"}


def check_continues(config: SearchConfig) -> None:
    """Check, before anything slow begins, that a study in the folder of a configuration can go on with it.

    Files, images and objects are not looked at: `Study.open` checks what is known of them.

    Raises:
        StudyError: the folder holds a study with other settings.
    """
    before = recorded(config.workdir, _FILE)
    if not before:
        return
    now = config.identity()
    try:
        known = upgraded_config(before)
        check_json(SearchConfig, known)
        known = in_words_of(known, now)
    except ValueError:  # `Study.open` says what is damaged
        return
    check_same(
        Path(config.workdir),
        {name: known.get(name) for name in now if name in known},
        {name: value for name, value in now.items() if name in known},
        StudyError,
    )

"""What follows from the facts of a setting: checks, flags, and the upgrade of what was called otherwise before."""

import dataclasses
import inspect
from dataclasses import MISSING, dataclass

import pytest
from absl import flags, logging

from nasnet_keras.utils import values
from nasnet_keras.utils.settings import (
    Former,
    accepting_former,
    check,
    check_json,
    define_flags,
    documented,
    from_flags,
    setting,
    settings,
    upgraded,
)

_POWER = Former("settings_cubed", {False: 1, True: 3}, values.switch())
_JUDGE = Former(values={"shared": "supernet"})


@accepting_former
@dataclass(frozen=True)
class Config:
    settings_rounds: int = setting(MISSING, "Number of rounds.", values.positive())
    settings_power: float = setting(1, "Power of a reward.", values.positive_number(), assumed=1, was=_POWER)
    settings_judge: str = setting("child", "Judge.", values.choice_of_version("child", "supernet"), was=_JUDGE)
    settings_places: tuple[int, ...] = setting(
        (), "Places.", values.items("whole numbers", lambda one: isinstance(one, int), int), assumed=[]
    )
    settings_names: tuple[str, ...] = setting((), "Names.", values.repeated("names", str.lower), assumed=[])
    settings_size: int | None = setting(None, "Size.", values.positive(), assumed=lambda plain: plain["settings_power"])

    def __post_init__(self) -> None:
        check(self)


@pytest.fixture
def parsed():
    """Flags of the configuration, parsed from a command line, as values of settings."""

    def parse(*arguments):
        for flag in holders:
            flags.FLAGS[flag.name].unparse()
        flags.FLAGS(["job", *arguments], known_only=True)
        return from_flags(Config, {flag.name: flag.value for flag in holders})

    holders = define_flags(Config, settings_rounds=7)
    yield parse
    for flag in holders:
        delattr(flags.FLAGS, flag.name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings_rounds": 0}, "settings_rounds must be a positive integer, got 0"),
        ({"settings_rounds": 2**31}, "settings_rounds must be at most 2,147,483,647"),
        ({"settings_power": float("inf")}, "settings_power must be positive, got inf"),
        ({"settings_judge": 3}, "settings_judge must be a text, got 3"),
        ({"settings_judge": "oracle"}, "settings_judge must be one of child, supernet, got 'oracle'"),
        ({"settings_names": [1]}, r"settings_names must be a list of names, got \[1\]"),
        ({"settings_names": 7}, "settings_names must be a list of names, got 7"),
        ({"settings_places": "12"}, "settings_places must be a list of whole numbers, got '12'"),
        ({"settings_places": [1, "a"]}, r"settings_places must be a list of whole numbers, got \[1, 'a'\]"),
    ],
)
def test_values_are_checked(changes, message):
    with pytest.raises(ValueError, match=message):
        Config(**{"settings_rounds": 1, **changes})


def test_values_have_their_types_and_none_is_legal_if_it_is_the_default():
    assert Config(1, settings_names="Ann").settings_names == ("ann",)
    config = Config(1, settings_places=[2, 3])
    assert (config.settings_places, config.settings_size) == ((2, 3), None)


def test_files_of_later_versions_may_have_more():
    check_json(Config, {"settings_judge": "oracle", "settings_unknown": object()})
    with pytest.raises(ValueError, match="settings_rounds must be a positive integer, got None"):
        check_json(Config, {"settings_rounds": None})


def test_files_of_earlier_versions_are_upgraded_with_one_warning(monkeypatch):
    told = []
    monkeypatch.setattr(logging, "warning", lambda text, *values: told.append(text % values))
    for _ in range(2):
        plain = {"settings_cubed": True, "settings_judge": "shared", "other": 1}
        new = {"settings_power": 3, "settings_judge": "supernet", "settings_places": [], "other": 1}
        new |= {"settings_names": [], "settings_size": 3}
        assert upgraded(Config, plain) == new
    assert told == [
        "settings_cubed=True is now settings_power=3",
        "settings_judge='shared' is now settings_judge='supernet'",
    ]
    assert upgraded(Config, {"settings_cubed": "yes"})["settings_power"] == "yes", "which the check refuses"


def test_former_names_are_taken_with_a_warning():
    with pytest.warns(DeprecationWarning, match="settings_cubed=True is now settings_power=3") as told:
        config = Config(1, settings_cubed=True)
    assert config.settings_power == 3 and told[0].filename == __file__
    with pytest.warns(DeprecationWarning, match="settings_judge='shared'") as told:
        assert dataclasses.replace(config, settings_judge="shared").settings_judge == "supernet"
    assert [one.filename for one in told] == [__file__]
    with pytest.warns(DeprecationWarning):
        assert dataclasses.replace(config, settings_cubed=False).settings_power == 1


def test_flags(parsed):
    names = [name for name in settings(Config) if name != "settings_size"]
    values = parsed()
    assert [values[name] for name in names] == [7, 1, "child", [], []] and "settings_cubed" not in values
    assert parsed("--settings_places=1,2")["settings_places"] == [1, 2]
    assert parsed("--settings_names=a,b", "--settings_names=C")["settings_names"] == ["a,b", "C"]
    assert parsed("--settings_cubed", "--settings_judge=shared")["settings_power"] == 3
    assert parsed("--nosettings_cubed", "--settings_judge=shared")["settings_judge"] == "supernet"
    with pytest.raises(flags.IllegalFlagValueError, match="should be one of <child.supernet>$"):
        parsed("--settings_judge=oracle")
    listed = {flag.name for flag in flags.FLAGS.get_key_flags_for_module(__name__)}
    assert {*names, "settings_size"} <= listed and "settings_cubed" not in listed
    assert flags.FLAGS["settings_judge"].help == "<child|supernet>: Judge."


@pytest.mark.parametrize("written", ["Set.\n\n    More.\n    ", "Set.\n\nMore.\n"])  # before and since Python 3.13
def test_settings_are_listed_in_the_docstring_as_far_to_the_left_as_its_text(written):
    cls = type("Some", (), {"__doc__": written, "settings_rounds": setting(3, "Number of rounds.", values.positive())})
    cls.__annotations__ = {"settings_rounds": int}
    expected = ["Set.", "", "More.", "", "Attributes:", "    settings_rounds: Number of rounds."]
    assert inspect.getdoc(documented(dataclass(cls))).splitlines() == expected

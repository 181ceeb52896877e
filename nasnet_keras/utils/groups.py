"""Groups of settings, under which `--help` lists the flags."""

from enum import Enum

__all__ = ["Group"]


class Group(Enum):
    """What a setting is about; the value is the title, and groups are listed in this order."""

    IMAGES = "Images"
    MEASURING = "Measuring"
    FILE = "The file, and how good it must be"
    ANSWERS = "The table of answers"
    NETWORK = "The network"
    SPACE = "The search space"
    ALGORITHM = "What proposes children"
    CHILDREN = "Children, and how they are judged"
    COSTS = "Costs and their limits"
    FINALISTS = "Finalists"
    RECIPE = "The recipe of training"
    PLACE = "Where it runs, and limits of time and memory"
    RECORDS = "Seeds, checkpoints and records"

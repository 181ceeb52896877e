"""How the frozen runs were begun, as plain values: for `make.py`, which made them, and the test that goes on with them.

Folders and files are named from this folder.
"""

ARRAYS = "rare.npz"
PICTURES = "pictures"
TABLE = "table.csv"

RECIPE = {"epochs": 4, "batch_size": 8, "learning_rate": 0.05, "pad": 1, "average_decay": 0.5}

TRAINING = {"dataset": ARRAYS, "num_repeats": 1, "filters": 2, "seed": 3, "name": "frozen"}
TRAINING_DATA = {"dataset": ARRAYS, "validation_fraction": 0.25}
TRAINING_RECIPE = {**RECIPE, "drop_path_rate": 0.2, "label_smoothing": 0.1}

FINE_TUNING = {"train": PICTURES, "epochs": 4, "batch_size": 8, "pad": 1, "seed": 5}

_SEARCH = {"operations": ("identity", "conv_1x1", "max_pool_3x3"), "num_blocks": 1, "filters": 2, "window": 1}
_SEARCH |= {"trials": 4, "random_trials": 1, "finalists": 1, "final_epochs": 2, "children_per_update": 2, "seed": 7}
_TABULAR = {"evaluator": "tabular", "space": "nasbench201", "table": TABLE, "random_trials": 10, "window": 1, "seed": 7}
_TABULAR |= {"operations": ("none", "skip_connect", "nor_conv_3x3")}
STUDIES = {
    "study_child": {**_SEARCH, "evaluator": "child", "executor": "inline", "dataset": PICTURES, "image_size": 10},
    "study_shared": {**_SEARCH, "evaluator": "shared", "space": "enas_micro", "dataset": ARRAYS, "derived_trials": 2},
    "study_ppo": {**_TABULAR, "algorithm": "ppo", "trials": 40},
    "study_evolution": {**_TABULAR, "algorithm": "evolution", "trials": 130},
}
STUDIES["study_child"] |= {"validation_fraction": 0.25, "train_images": 12, "algorithm": "ppo"}
STUDIES["study_shared"] |= {"validation_fraction": 0.25, "operations": ("sep_conv_3x3", "max_pool_3x3")}
STUDIES["study_shared"]["recipe"] = {**RECIPE, "epochs": 2}
STUDIES["study_child"]["recipe"] = {**RECIPE, "epochs": 1}
STUDIES["study_finalist"] = STUDIES["study_child"]

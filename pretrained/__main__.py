"""Fine-tune a trained model on a folder of images. Writes a model that classifies new images like them.

The folder is FOLDER/CLASS/IMAGE, or has such folders named train, validation and test. Training uses all GPUs that it
sees, on TensorFlow. A run that was stopped continues when the same command is given again.
"""

from typing import Any

from nasnet_keras.utils.jobs import run_job  # nothing slow here: see there
from nasnet_keras.utils.manual import Manual, next_steps, path_of_model

__all__ = ["console", "main"]


_OF_IMAGES = ("validation_fraction", "image_size", "fit", "follow_links", "skip_unreadable")  # of a data set's settings
_RECORDS = ("seed", "deterministic", "checkpoint_minutes", "license")  # settings that are those of nasnet-train


def _define_flags() -> tuple[Any, ...]:
    """Define the flags that are the job's own; those of a data set and of a recipe are shared."""
    from absl import flags

    from nasnet_keras.pretrained.settings import FineTuneSettings
    from nasnet_keras.training.config import TrainingConfig
    from nasnet_keras.training.flags import DATASET, RECIPE
    from nasnet_keras.utils.settings import define_flags

    own = (
        *define_flags(FineTuneSettings),
        flags.DEFINE_bool("list", False, "Print the trained models, what each is for, and end."),
        *define_flags(TrainingConfig, _RECORDS),
    )
    for name in (*DATASET, *RECIPE):
        flags.declare_key_flag(name)  # `--help` shows them too
    flags.FLAGS.set_default("dataset", None)
    flags.FLAGS.set_default("validation_fraction", 0.2)
    return own


def main(values: dict[str, Any]) -> None:
    """Flags, then one call."""
    from absl import flags

    from nasnet_keras.training.config import TrainingConfig
    from nasnet_keras.utils.settings import from_flags

    if flags.FLAGS["recipe"].present:
        raise ValueError("fine-tuning starts from a recipe of its own; change it by the flags of its values")
    values = from_flags(TrainingConfig, values)
    if values.pop("list"):
        _print_models()
    else:
        _fine_tune(**values)


def _fine_tune(
    *,
    model: str | None,
    train_dir: str | None,
    validation_dir: str | None,
    test_dir: str | None,
    head_only: bool,
    balanced: bool,
    **values: Any,
) -> None:
    from absl import flags

    from nasnet_keras.training.flags import DATASET, changes
    from nasnet_keras.utils.progress import showing

    data = {name: flags.FLAGS[name].value for name in DATASET}  # the holders refuse None, the new default of one
    train = _training_images(model, train_dir, **data)
    from nasnet_keras.pretrained.fine_tuning import fine_tune  # imports Keras

    result = fine_tune(
        model,
        train,
        validation_dir,
        test=test_dir,
        class_weights="balanced" if balanced else None,
        **{name: data[name] for name in _OF_IMAGES},
        **values,
        **{**changes(), **({"epochs": 0} if head_only else {})},
    )
    with showing("the figures of the run"):
        _report(result)


def _training_images(
    model: str | None, train_dir: str | None, *, dataset: str | None, image_size: int | None, **data: Any
) -> Any:
    """The folder of training images, or the data set that the flags name, at the model's size.

    Raises:
        ValueError: flags are missing, or there is no such model or data set.
    """
    if not model or (dataset is None) == (train_dir is None):
        raise ValueError("give --model, and either --train_dir (a folder of images) or --dataset; --list lists models")
    from nasnet_keras.pretrained import listing
    from nasnet_keras.training.datasets import loading

    side = listing.card(model).input_shape[0]  # if there is no such model, this says so before all images are read
    if dataset is None:
        return train_dir
    if loading.is_folder(dataset):
        return dataset
    sized = dataset in loading.names() or dataset.endswith(".npz")
    return loading.load(dataset, image_size=None if sized else image_size or side, **data)


def _report(result: Any) -> None:
    from nasnet_keras.images.problems import of_record
    from nasnet_keras.pretrained.plan import FILE
    from nasnet_keras.training.mistakes.files import told
    from nasnet_keras.utils.workdir import recorded

    count = int(result.confusion.sum())
    print(f"\n{result.card.name}: {result.accuracy:.4f} of {count:,} {result.judged_on} images right")
    names = result.card.class_names
    if len(names) <= 20:
        width = max(5, *(len(name) for name in names))
        print(f"\n{'true class':{width}}  right   of  mostly taken for")
        for name, row, index in zip(names, result.confusion, range(len(names)), strict=True):
            others = row.copy()
            others[index] = 0
            taken = f"{names[others.argmax()]} ({others.max()})" if others.max() else ""
            print(f"{name:{width}}  {row[index]:5d} {row.sum():4d}  {taken}")
    if result.verdict:
        print(f"\n{result.verdict}")
    print(f"\nModel:    {result.saved_model}\nCard:     {result.path}")
    if said := told(result.path.parent, result.card):
        print(f"Mistakes: {said}")
    if left_out := of_record(recorded(result.path.parent, FILE)):
        print(f"\n{left_out}")
    training = result.card.training
    epochs = training["epochs"] + training.get("epochs_before", 0)
    steps = {
        "Classify images": [
            "nasnet-predict",
            f"--model={path_of_model(result.path.parent)}",
            "--images=FOLDER",
            "--output=answers.csv",
        ],
        "Train it on": f"the same command with an --epochs above {max(epochs, training['recipe']['epochs'])}",
        "Export it": ["nasnet-export", f"--model={path_of_model(result.path.parent)}", "--output=model.tflite"],
    }
    print(f"\n{next_steps(steps)}")


def _print_models() -> None:
    from nasnet_keras.pretrained import listing

    print(listing.table([listing.card(name) for name in listing.list_models()]))
    print("\nAccuracy: of test images of its own data set. Speed: one image by LiteRT in one thread, where measured.")
    print(f"\n{next_steps({'Fine-tune one': ['nasnet-finetune', '--model=NAME', '--train_dir=FOLDER']})}")


def _settings() -> tuple[type, ...]:
    from nasnet_keras.pretrained.settings import FineTuneSettings
    from nasnet_keras.training.config import TrainingConfig
    from nasnet_keras.training.datasets.settings import DatasetSettings
    from nasnet_keras.training.recipes import Recipe

    return FineTuneSettings, DatasetSettings, Recipe, TrainingConfig


def _defaults() -> dict[str, str]:
    from nasnet_keras.pretrained.recipe import FINE_TUNE
    from nasnet_keras.training.flags import in_words

    return {**in_words({"": FINE_TUNE}), "epochs": "as many as make about 1,000 steps, from 5 to 60"}


_MANUAL = Manual(
    "nasnet-finetune --model=amoebanet_d_tiny_imagenet --train_dir=photographs --workdir=mine",
    ("model", "list", "train_dir", "validation_dir", "test_dir", "workdir", "epochs", "head_only"),
    _settings,
    _defaults,
)


def console() -> None:
    """The console script `nasnet-finetune`."""
    run_job("nasnet-finetune", main, _define_flags, kept="what is", manual=_MANUAL)


if __name__ == "__main__":
    console()

"""Classify images with a trained model: a folder of images becomes a table of paths, labels and probabilities.

An image that cannot be read costs itself alone: its row says why. The exit code is 0 if all images were read, 3 if the
table is whole and some images could not be read, and 1 if nothing was written.
"""

import sys
from typing import Any

from nasnet_keras.utils.jobs import run_job  # nothing slow here: see there
from nasnet_keras.utils.manual import Manual, counted, next_steps

_UNREADABLE = 3  # the exit code if images could not be read
_SHOWN = 20
_LABELS = 10


def _define_flags() -> tuple[Any, ...]:
    """Define the flags of the job."""
    from nasnet_keras.pretrained.predict_job.config import PredictConfig
    from nasnet_keras.utils.settings import define_flags

    return define_flags(PredictConfig)


def main(values: dict[str, Any]) -> None:
    """Classify, by the values of the flags."""
    from nasnet_keras.pretrained.predict_job.config import PredictConfig
    from nasnet_keras.pretrained.predict_job.images import listed
    from nasnet_keras.utils.files import begin
    from nasnet_keras.utils.progress import showing
    from nasnet_keras.utils.settings import from_flags

    config = PredictConfig(**from_flags(PredictConfig, values))
    config.check_output()
    images = listed(config.images, config.follow_links)
    begin()  # from here on a signal ends the job by an exception, which removes what is half written
    try:
        answered = _answered(config, images)
    except KeyboardInterrupt:
        sys.exit("\nStopped. Nothing was written.")
    with showing("the end of the job"):
        _report(config, answered)
    if answered.unreadable:
        sys.exit(_UNREADABLE)


def _answered(config: Any, images: Any) -> Any:
    """Load the model and classify, with a word on each step."""
    from pathlib import Path

    print(f"Loading {config.model}", file=sys.stderr, flush=True)
    from nasnet_keras.pretrained.any_model import load_any  # imports Keras
    from nasnet_keras.pretrained.predict_job.classifier import FastClassifier
    from nasnet_keras.pretrained.predict_job.predicting import write_answers
    from nasnet_keras.utils.files import guard, unguard

    classifier, output = FastClassifier(load_any(config.model)), Path(config.output)
    guard(output, config.check_output)  # a file that came meanwhile is as precious
    try:
        return write_answers(classifier, images, output, config.top, config.batch_size)
    finally:
        unguard(output, config.check_output)


def _report(config: Any, answered: Any) -> None:
    count, unreadable = answered.labels.total(), answered.unreadable
    print(f"{config.output}: {count:,} of {count + len(unreadable):,} images classified")
    for label, images in answered.labels.most_common(_LABELS):
        print(f"  {_printable(label)}: {images:,} ({images / count:.1%})")
    if len(answered.labels) > _LABELS:
        print(f"  and {len(answered.labels) - _LABELS} more classes")
    print(f"\n{next_steps({'Read it in Python': f'pandas.read_csv({config.output!r})'})}")
    if unreadable:
        lines = [f"  {_printable(name)}: {_printable(reason)}" for name, reason in unreadable[:_SHOWN]]
        lines += [f"  and {len(unreadable) - _SHOWN:,} more"] if len(unreadable) > _SHOWN else []
        sys.stdout.flush()
        print("\n".join([f"{counted(len(unreadable), 'image')} could not be read:", *lines]), file=sys.stderr)


def _printable(text: str) -> str:
    """A text as it is, or quoted if a terminal would take letters of it for commands."""
    from nasnet_keras.utils.checks import quoted

    return text if text.isprintable() else quoted(text)


def _settings() -> tuple[type, ...]:
    from nasnet_keras.pretrained.predict_job.config import PredictConfig

    return (PredictConfig,)


_MANUAL = Manual(
    example="nasnet-predict --model=mine --images=new --output=answers.csv",
    first=("model", "images", "output", "top"),
    settings=_settings,
)


def console() -> None:
    """The console script `nasnet-predict`."""
    run_job("nasnet-predict", main, _define_flags, kept="what is there", place="output", manual=_MANUAL)


if __name__ == "__main__":
    console()

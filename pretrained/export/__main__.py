"""Write a trained model as a file for another runtime: fused, in float32 or int8, and compared with the model.

The file is written only if it answers as the model does. For int8 give images like those to come, and, to see what it
costs, labelled ones:

    nasnet-export --model=MODEL --quantization=int8 --calibration_dir=IMAGES --labels=FOLDER --output=small.tflite

Nothing is trained; it takes a minute or two.
"""

import sys
from typing import Any

from nasnet_keras.utils.jobs import run_job  # nothing slow here: see there
from nasnet_keras.utils.manual import Manual


def _define_flags() -> tuple[Any, ...]:
    """Define the flags of the job."""
    from nasnet_keras.pretrained.export.config import ExportConfig
    from nasnet_keras.utils.settings import define_flags

    return define_flags(ExportConfig)


def main(values: dict[str, Any]) -> None:
    """Export, by the values of the flags."""
    from nasnet_keras.pretrained.export.config import ExportConfig
    from nasnet_keras.utils.files import begin
    from nasnet_keras.utils.settings import from_flags

    config = ExportConfig(**from_flags(ExportConfig, values))
    begin()  # from here on a signal ends the job by an exception, which removes what is half written
    try:
        report = _exported(config)
    except KeyboardInterrupt:
        sys.exit("\nStopped. Nothing was written.")
    print(report)


def _exported(config: Any) -> Any:
    """Load, read and export, with a word on each step."""
    _say(f"Loading {config.model}")
    from pathlib import Path

    from nasnet_keras.inference.beside import check_beside  # imports Keras
    from nasnet_keras.inference.exporting import check_target, export
    from nasnet_keras.inference.naming import ENDINGS
    from nasnet_keras.pretrained.export.source import source_of

    source = source_of(config.model)
    output = config.output_for(source.name)
    check_target(config.format, output, config.quantization)
    if source.class_names and ENDINGS[config.format]:
        check_beside(Path(output))
    given: dict[str, Any] = {"optimize": config.optimize}
    if config.quantization is not None:
        given |= {name: getattr(config, name) for name in ("quantization", "min_agreement")}
        given |= {name: getattr(config, name) for name in ("inference_input_type", "inference_output_type")}
    if config.calibration_dir is not None:
        _say(f"Reading images of {config.calibration_dir}")
        given["calibration"] = source.calibration(config.calibration_dir, config.skip_unreadable)
    if config.labels is not None:
        _say(f"Reading labelled images of {config.labels}")
        given["images"], given["labels"] = source.labelled(config.labels, config.skip_unreadable)
    _say(f"Writing and checking {output}")
    return export(source.model, output, config.format, **given)


def _say(step: str) -> None:
    print(step, file=sys.stderr, flush=True)


def _settings() -> tuple[type, ...]:
    from nasnet_keras.pretrained.export.config import ExportConfig

    return (ExportConfig,)


_MANUAL = Manual(
    example="nasnet-export --model=nasnet_a_cifar10 --format=onnx",
    first=("model", "format", "quantization", "calibration_dir", "output"),
    settings=_settings,
)


def console() -> None:
    """The console script `nasnet-export`."""
    run_job("nasnet-export", main, _define_flags, kept="what is there", place="output", manual=_MANUAL)


if __name__ == "__main__":
    console()

"""The settings of the job `nasnet-export`."""

from dataclasses import dataclass

from nasnet_keras.inference.naming import ENDINGS, format_for, format_named
from nasnet_keras.training.datasets.settings import DatasetSettings
from nasnet_keras.utils import settings, values
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.groups import Group
from nasnet_keras.utils.settings import as_in, documented, grouped, setting

__all__ = ["MODES", "TYPED", "ExportConfig"]

MODES = {
    "litert": ("weights", "dynamic", "int8"),
    "onnx": ("weights", "int8"),
    "openvino": ("weights", "int8"),
    "saved_model": (),
}
"""The ways to quantize by format; of `nasnet_keras.inference.formats`, which imports Keras."""
TYPED = ("litert",)
"""The formats that have other types than float32 to read and write."""

_TYPES = ("float32", "uint8", "int8")


@documented
@grouped(Group.FILE)
@dataclass(frozen=True)
class ExportConfig:
    """The settings of an export.

    Raises:
        ValueError: a value is out of range, or some contradict each other.

    Example:
        >>> ExportConfig("nasnet_a_cifar10", output="small.onnx").format
        'onnx'
    """

    model: str | None = setting(
        None,
        "The model: a name that nasnet-finetune --list prints, or the path of a card or weight file, of a file "
        "NAME.keras, or of the folder of a run of nasnet-train or nasnet-finetune.",
        values.text(),
    )
    format: str | None = setting(
        None,
        "Format of the file: for LiteRT on phones and boards, ONNX Runtime, OpenVINO, or TensorFlow; by default that "
        "of the ending of --output, or else litert. Other usual names, such as tflite and tf, mean the same.",
        values.named(format_named, *ENDINGS),
    )
    quantization: str | None = setting(
        None,
        "Whether to store weights in int8 (weights), and to compute in int8, too, with scales that are found for each "
        "image (dynamic, for litert only) or from calibration images (int8); by default neither.",
        values.choice(*MODES["litert"]),
    )
    output: str | None = setting(
        None,
        "Path to write to, NAME.tflite, NAME.onnx, NAME.xml, or a folder for saved_model; by default made of the "
        "model's name, in this folder. An earlier export is replaced. The names of classes, and what is read, come in "
        "files beside it.",
        values.path(),
    )
    calibration_dir: str | None = setting(
        None,
        "Folder of images like those to come, with or without folders in it, of which up to 100 are read to find the "
        "scales of int8, and, without --labels, to compare answers on.",
        values.path(),
        group=Group.IMAGES,
    )
    labels: str | None = setting(
        None,
        "Folder of labelled images, FOLDER/CLASS/IMAGE with the model's names of classes, to tell the accuracy before "
        "and after quantizing; of folders named train, validation and test in it, the last one is read.",
        values.path(),
        group=Group.IMAGES,
    )
    skip_unreadable: bool = as_in(
        DatasetSettings,
        "skip_unreadable",
        help="Leave out images of --calibration_dir and --labels that cannot be read, and list them; by default they "
        "are an error that tells all of them.",
    )
    min_agreement: float = setting(
        0.9,
        "The least share of images that a quantized model must answer as before, from 0 to 1; with --labels, of those "
        "that it answered right; else nothing is written.",
        values.number("from 0 to 1", lambda value: 0.0 <= value <= 1.0),
    )
    optimize: str = setting(
        "speed",
        "What the file is best at: speed, or size, which saves 0.5 to 2.3 percent of the models of the package and "
        "answers the same.",
        values.choice("speed", "size"),
    )
    inference_input_type: str = setting(
        "float32", "Type in which a quantized file for litert reads images.", values.choice(*_TYPES)
    )
    inference_output_type: str = setting(
        "float32", "Type in which a quantized file for litert writes answers.", values.choice(*_TYPES)
    )

    def __post_init__(self) -> None:
        settings.check(self)
        if not self.model:
            raise ValueError("give --model: a name that nasnet-finetune --list prints, or the path of a model")
        if self.output is not None:
            object.__setattr__(self, "format", format_for(self.output, self.format))
        elif self.format is None:
            object.__setattr__(self, "format", "litert")
        given = self._given("calibration_dir", "labels")
        types = self._given("inference_input_type", "inference_output_type")
        if self.quantization is None and (more := given + types + self._given("min_agreement")):
            raise ValueError(f"{' and '.join(more)}: for a quantized model; give --quantization, too")
        modes = MODES[self.format]
        if self.quantization is not None and self.quantization not in modes:
            expected = f"one of {', '.join(modes)}" if modes else "none"
            raise ValueError(
                f"quantization for format {self.format!r} must be {expected}, got {quoted(self.quantization)}"
            )
        if types and self.format not in TYPED:
            raise ValueError(f"{' and '.join(types)} must be float32 for format {self.format!r}")
        if self.quantization == "int8" and self.calibration_dir is None:
            raise ValueError("--quantization=int8 needs --calibration_dir, a folder of images like those to come")
        if self.quantization is not None and not given:
            raise ValueError(
                f"--quantization={self.quantization} needs images to compare answers on: --calibration_dir or --labels"
            )

    def _given(self, *names: str) -> list[str]:
        """The flags among some that are not as by default."""
        usual = type(self).__dataclass_fields__
        return [f"--{name}" for name in names if getattr(self, name) != usual[name].default]

    def output_for(self, name: str) -> str:
        """The path to write to, for a model of a name."""
        mode = "" if self.quantization is None else f"_{self.quantization}"
        return self.output if self.output is not None else f"{name}{mode}{ENDINGS[self.format]}"

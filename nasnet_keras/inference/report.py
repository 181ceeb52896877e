"""What an export reports."""

from dataclasses import dataclass, field
from pathlib import Path

from nasnet_keras.inference.tensor_type import TensorType

__all__ = ["ExportReport"]


@dataclass(frozen=True)
class ExportReport:
    """The result of an export: the file, and how the exported model compares with the source model.

    Attributes:
        path: of the file, or of the folder of a SavedModel.
        format: `"saved_model"`, `"litert"`, `"onnx"` or `"openvino"`.
        size: in bytes; of both files that OpenVINO reads.
        parameters_size: in bytes, of the model's parameters in float32, to compare it with.
        images: the number of images that the exported model was run on.
        difference: the largest difference of a logit, as a share of the largest range of an image's logits; of an
            output, if the model ends in neither a softmax nor a sigmoid.
        agreement: share of the images, from 0 to 1, for which both models have the same largest logit; if the file
            writes integers, for which one of them is the largest, and is that of the same class.
        quantization: how the file was quantized, or None.
        accuracies: of the source model and of the quantized one on images with labels, from 0 to 1; or None.
        input, output: the types in which the file reads and writes, with scale and zero point of integers that stand
            for other values.
        unfused: why the model was written as it is, without being fused; None if it was fused.
        beside: the files with the labels, and with what the model reads and answers; none if no class has a name.
    """

    path: Path
    format: str
    size: int
    parameters_size: int
    images: int
    difference: float
    agreement: float
    quantization: str | None = None
    accuracies: tuple[float, float] | None = None
    input: TensorType = field(default_factory=TensorType)
    output: TensorType = field(default_factory=TensorType)
    unfused: str | None = None
    beside: tuple[Path, ...] = ()

    def __str__(self) -> str:
        said = [self._compared()]
        if self.unfused is not None:
            said.append(f"written without being fused: {self.unfused}")
        if self.beside:
            said.append(f"labels and input in {' and '.join(map(str, self.beside))}")
        return "; ".join(said)

    def _compared(self) -> str:
        size = f"{self.size / 2**20:.1f} MiB for {self.parameters_size / 2**20:.1f} MiB of parameters"
        if self.quantization is not None:
            known = "" if self.accuracies is None else ", accuracy {:.2%} before, {:.2%} now".format(*self.accuracies)
            return (
                f"{self.path}: {self.format}, quantized as {self.quantization!r}, {size}, reads "
                f"{self.input}, writes {self.output}; on {self.images} images {self.agreement:.1%} have the same "
                f"prediction as before{known}"
            )
        return (
            f"{self.path}: {self.format}, {size}; on {self.images} images its logits differ from "
            f"the model's by at most {self.difference:.1e} of their range, and {self.agreement:.0%} have the same "
            f"prediction"
        )

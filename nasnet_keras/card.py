"""Cards describe trained models: a `NAME.json` beside the file of weights, `NAME.weights.h5`."""

import base64
import dataclasses
import json
import math
import zlib
from collections.abc import Callable
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nasnet_keras.genotypes.base import BaseGenotype, GenotypeError
from nasnet_keras.genotypes.reading import genotype_from_json
from nasnet_keras.networks.any import network_config, network_from_genotype
from nasnet_keras.utils import values
from nasnet_keras.utils.checks import FITS, finite, quoted
from nasnet_keras.utils.files import write_text
from nasnet_keras.utils.json_text import parse, text_of
from nasnet_keras.utils.settings import Former, accepting_former, setting, upgraded
from nasnet_keras.weights.file import CardError, WeightsFile

__all__ = ["Card", "decoded", "encoded", "is_card"]

_FORMAT = "nasnet_keras.card"
_VERSION = 1
_MAX_BYTES = 1 << 26
_LONGEST_NAME = 200
_OBJECTS = ("network", "dataset", "training", "metrics", "cost", "reference")
# Arguments of the network that other fields hold, or that the user chooses.
_ELSEWHERE = {"name", "classes", "input_shape", "include_top", "pooling", "auxiliary_head"}


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isidentifier() and len(value) <= _LONGEST_NAME


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return isinstance(value, dict)


def _are_latencies(values: Any) -> bool:
    def legal(value: Any) -> bool:
        if not _is_json(value):
            return False
        milliseconds, threads = value.get("median_ms"), value.get("threads")
        return (
            finite(milliseconds) and milliseconds > 0 and type(threads) is int and isinstance(value.get("runtime"), str)
        )

    return isinstance(values, tuple | list) and all(map(legal, values))


def _are_quantized(values: Any) -> bool:
    def legal(value: Any) -> bool:
        if not _is_json(value) or not all(isinstance(value.get(name), str) for name in ("format", "quantization")):
            return False
        accuracies = [value.get(name) for name in ("test_accuracy", "float32_accuracy")]
        sizes = [value.get(name) for name in ("size", "float32_size")]
        known = all(finite(one) and 0 <= one <= 1 for one in accuracies)
        known = known and all(type(one) is int and one > 0 for one in sizes)
        return known and isinstance(value.get("latencies"), list) and _are_latencies(value["latencies"])

    return isinstance(values, tuple | list) and all(map(legal, values))


def _are_names(values: Any) -> bool:
    if not isinstance(values, tuple | list) or not all(isinstance(value, str) for value in values):
        return False
    return 0 < len(values) == len(set(values))


# Fields, the values that they must have in words, and a test of such values.
_FIELDS: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
    ("genotype", "a genotype", lambda value: isinstance(value, BaseGenotype)),
    *((name, "an object of JSON values", _is_json) for name in _OBJECTS),
    ("dataset", f"none or one of {', '.join(FITS)} as fit", lambda value: value.get("fit", FITS[0]) in FITS),
    ("license", "a text", lambda value: isinstance(value, str)),
    ("weights", "a weight file", lambda value: isinstance(value, WeightsFile)),
    ("input_range", "two numbers", lambda value: isinstance(value, tuple | list) and len(value) == 2),
    ("preprocessing", "numbers scale and offset", lambda v: isinstance(v, dict) and set(v) == {"scale", "offset"}),
    ("class_names", "different texts", _are_names),
    ("latencies", "objects with a runtime, a number of threads and a median_ms above 0", _are_latencies),
    (
        "quantized",
        "objects with a format, a quantization, sizes in bytes (size and float32_size), accuracies from 0 to 1 "
        "(test_accuracy and float32_accuracy) and latencies",
        _are_quantized,
    ),
)


@accepting_former
@dataclass(frozen=True)
class Card:
    """The description of a trained model.

    Attributes:
        name: of the model, and of its files.
        genotype: the cells, or the layers.
        network: arguments of `network_from_genotype` that build the network, with the genotype and the input shape.
        input_shape: `(height, width, channels)` of the images that the model was trained on.
        input_range: lowest and highest value of the images before preprocessing.
        preprocessing: `{"scale": …, "offset": …}`; the network reads `images * scale + offset`.
        class_names: by label.
        dataset: name, source and encoding, numbers of images, and the way they were brought to their size; see `fit`.
        training: recipe, command, hardware, hours, epochs, seed, versions, and the initial weights if there were some.
        metrics: figures by name, with the number of images and of runs.
        cost: parameters, trainable parameters, multiply-adds.
        license: of the weights; `licence` in cards of earlier versions.
        weights: the weight file.
        reference: a few images and the model's outputs for them, to check an installation with.
        latencies: of one inference of the exported, fused model, each one the values of a `nk.Latency`; none in cards
            of earlier versions and of models that were not measured.
        quantized: what `export` makes of it with a `quantization`: for each format the size of the file in bytes and
            its accuracy on `test_images` images, both also of the one in float32, and its latencies; none as for
            `latencies`.

    Raises:
        CardError: a value is missing or of the wrong kind.

    Example:
        >>> from nasnet_keras import pretrained
        >>> pretrained.card("amoebanet_d_cifar10").input_shape
        (32, 32, 3)
    """

    name: str
    genotype: BaseGenotype
    network: dict[str, Any]
    input_shape: tuple[int, int, int]
    input_range: tuple[float, float]
    preprocessing: dict[str, float]
    class_names: tuple[str, ...]
    dataset: dict[str, Any]
    training: dict[str, Any]
    metrics: dict[str, Any]
    cost: dict[str, int]
    license: str = setting(MISSING, "License of the weights.", values.text(), was=Former("licence"))
    weights: WeightsFile
    reference: dict[str, Any]
    latencies: tuple[dict[str, Any], ...] = ()
    quantized: tuple[dict[str, Any], ...] = ()

    def __post_init__(self) -> None:
        if not _is_name(self.name):
            raise CardError(f"a card's name must be of letters, digits and underscores, got {quoted(self.name)}")
        for name, expected, legal in _FIELDS:
            value = getattr(self, name)
            if not legal(value):
                raise CardError(f"the card {self.name} must have {expected} as {name}, got {quoted(value)}")
        numbers = (*self.input_range, *self.preprocessing.values())
        if not all(map(finite, numbers)):
            raise CardError(
                f"the card {self.name} must have numbers as input_range and preprocessing, got {quoted(numbers)}"
            )
        self._check_network()

    def _check_network(self) -> None:
        network = {"input_shape": self.input_shape, "classes": len(self.class_names), **self.network}
        try:
            if given := sorted(_ELSEWHERE & set(self.network)):
                raise ValueError(f"{given[0]} is not for a card to say")
            if not isinstance(self.network.get("classifier_activation"), str | None):
                raise ValueError("its classifier_activation is neither null nor the name of an activation")
            network_config(self.genotype, **network)
        except (TypeError, ValueError) as error:
            raise CardError(f"the card {self.name} describes no network that can be built: {error}") from None

    @property
    def fit(self) -> str:
        """The way images are brought to the model's size, one of `checks.FITS`; it is `crop` in cards without it."""
        return self.dataset.get("fit", FITS[0])

    def to_json(self) -> str:
        """Write the card as a JSON text."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        weights = {key: value for key, value in dataclasses.asdict(self.weights).items() if value is not None}
        fields |= {"genotype": json.loads(self.genotype.to_json()), "weights": weights}
        head = {"format": _FORMAT, "version": _VERSION, "name": self.name, "fingerprint": self.genotype.fingerprint}
        text = json.dumps({**head, **fields}, indent=1, ensure_ascii=False) + "\n"
        return text.encode("utf-8", "backslashreplace").decode()  # names of files need not be UTF-8

    def write(self, folder: Path) -> Path:
        """Write `NAME.json` into `folder`, and return its path. A reader never sees half of it."""
        path = folder / f"{self.name}.json"
        write_text(path, self.to_json())
        return path

    @classmethod
    def read(cls, path: str | Path) -> "Card":
        """Read a card, but not its weight file.

        Raises:
            CardError: the file is no card, has more than 64 MiB, is of a later version, or contradicts itself. No file
                raises anything else.
        """
        path = Path(path)
        plain = {"latencies": [], "quantized": [], **upgraded(cls, _plain(path))}
        fields = [field.name for field in dataclasses.fields(cls)]
        if missing := [name for name in fields if name not in plain]:
            raise CardError(f"{path} lacks {', '.join(missing)}")
        values, fingerprint = {name: plain[name] for name in fields}, plain.get("fingerprint")
        try:
            values["genotype"] = genotype_from_json(json.dumps(values["genotype"]))
            values["weights"] = WeightsFile(**values["weights"])
            for name in ("input_shape", "input_range", "class_names", "latencies", "quantized"):
                if not isinstance(values[name], list):
                    raise CardError(f"{path} must have a list as {name}, got {quoted(values[name])}")
                values[name] = tuple(values[name])
            card = cls(**values)
        except CardError:
            raise
        except (GenotypeError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise CardError(f"{path} is damaged: {error}") from None
        if card.genotype.fingerprint != fingerprint:
            raise CardError(
                f"{path} says fingerprint {quoted(fingerprint)}, its genotype has {card.genotype.fingerprint!r}"
            )
        return card

    def build(self, **changes: Any) -> Any:
        """Build the network without weights. It reads preprocessed images, and returns logits unless `network` differs.

        Args:
            **changes: arguments of `network_from_genotype`, in place of the card's.
        """
        given = {"name": self.name, "input_shape": self.input_shape, "classes": len(self.class_names)}
        return network_from_genotype(self.genotype, **{**given, **self.network, **changes})


def is_card(path: Path) -> bool:
    """Tell whether there is a file which says that it is a card, perhaps one that cannot be used."""
    try:
        plain = parse(text_of(path, _MAX_BYTES))
    except (OSError, ValueError):
        return False
    return isinstance(plain, dict) and plain.get("format") == _FORMAT


def _plain(path: Path) -> dict[str, Any]:
    """Read the JSON values of a card of this version.

    Raises:
        CardError: there are none.
    """
    try:
        plain = parse(text_of(path, _MAX_BYTES))
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) else error
        raise CardError(f"cannot read the card {quoted(str(path))}: {problem}") from None
    if not isinstance(plain, dict) or plain.get("format") != _FORMAT:
        raise CardError(f"{path} is no card: expected a JSON object with format {_FORMAT!r}")
    if type(plain.get("version")) is not int or plain["version"] != _VERSION:
        raise CardError(
            f"{path} is a card of version {quoted(plain.get('version'))}; this version of nasnet_keras reads {_VERSION}"
        )
    return plain


def encoded(images: np.ndarray, outputs: np.ndarray) -> dict[str, Any]:
    """Pack reference images (uint8) and outputs (float32) as JSON values."""
    return {
        "images": base64.b64encode(zlib.compress(np.ascontiguousarray(images).tobytes(), 9)).decode(),
        "shape": list(images.shape),
        "outputs": [[float(f"{value:.6g}") for value in row] for row in outputs.tolist()],
    }


def decoded(reference: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Unpack the images and outputs that `encoded` packed, and no more bytes than the images have.

    Raises:
        CardError: the values are damaged.
    """
    try:
        shape = [int(size) for size in reference["shape"]]
        size = math.prod(shape)
        if any(side < 0 for side in shape) or not 0 <= size <= _MAX_BYTES:
            raise ValueError(f"images of shape {quoted(shape)}")
        pixels = zlib.decompressobj().decompress(base64.b64decode(reference["images"]), size + 1)
        images = np.frombuffer(pixels, np.uint8).reshape(shape)
        return images, np.asarray(reference["outputs"], np.float32)
    except (KeyError, TypeError, ValueError, OverflowError, zlib.error) as error:
        raise CardError(f"the card's reference images cannot be read: {error}") from None

"""The published networks as a table of data: a genotype, and the arguments that make it the published size."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from nasnet_keras.networks.cost import Cost, genotype_cost

__all__ = ["MODELS", "NamedModel"]


@dataclass(frozen=True)
class NamedModel:
    """A published network, as a row of `MODELS`.

    Attributes:
        name: name of the Keras model.
        genotype: name of its cells, or its stages, in the catalogue.
        about: the images that it is for, its size in the paper's terms, and its number of trainable parameters.
        source: the paper and the table that published it.
        arguments: the arguments of the function of its genotype's kind in which it differs from the defaults.
        published: its weights for ImageNet, a name of `nasnet_keras.weights.published`; None if there are none.
        notes: a further paragraph of its function's docstring.
        example: a runnable example for it.
    """

    name: str
    genotype: str
    about: str
    source: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    published: str | None = None
    notes: str = ""
    example: str = ""

    def cost(self, **changes: Any) -> Cost:
        """Its cost as published, or with changed arguments of its function; nothing is built.

        Example:
            >>> MODELS["NASNetMobile"].cost().trainable_parameters
            5289978
        """
        return genotype_cost(**{"genotype": self.genotype, **self.arguments, **changes})


_IMAGENET = {"stem": "imagenet", "classes": 1000, "batch_norm_epsilon": 1e-3}
_MOBILE = {**_IMAGENET, "input_shape": (224, 224, 3)}
_LARGE = {**_IMAGENET, "input_shape": (331, 331, 3)}
_KERAS_BORDERS = (
    'The borders are those of `keras.applications`; `padding="same"` gives TF-Slim\'s. `weights="imagenet"` downloads\n'
    "Keras' published weights."
)
_MNASNET = {"classes": 1000, "input_shape": (224, 224, 3)}
_WIDTH = (
    "`alpha` multiplies all filters but those of the last convolution. Borders are those of the released TPU code;\n"
    '`padding="torch"` gives those of the ports to PyTorch.'
)
_PORTS = (
    f"{_WIDTH} With `batch_norm_epsilon=1e-5` too, `weights` takes the\n"
    "state dicts of {}, as `.safetensors` or `.npz`."
)
_BACKBONE = f"It was searched as the backbone of a detector.\n{_WIDTH}"

MODELS: Mapping[str, NamedModel] = MappingProxyType(
    {
        "NASNetCIFAR10": NamedModel(
            "nasnet_cifar10",
            "nasnet_a",
            "NASNet-A (6 @ 768) for 32×32 images: N=6, F=32, 3.3 million parameters.",
            "Zoph et al. 2018, table 1",
            example=">>> NASNetCIFAR10(num_repeats=1, filters=4).output_shape\n(None, 10)",
        ),
        "NASNetMobile": NamedModel(
            "nasnet_mobile",
            "nasnet_a",
            "NASNet-A (4 @ 1056) for 224×224 images: N=4, F=44, 5.3 million parameters, 564 million multiply-adds.",
            "Zoph et al. 2018, table 3",
            {**_MOBILE, "num_repeats": 4, "filters": 44, "padding": "keras"},
            published="mobile",
            notes=_KERAS_BORDERS,
            example='>>> NASNetMobile(weights=None, include_top=False, pooling="avg").output_shape\n(None, 1056)',
        ),
        "NASNetLarge": NamedModel(
            "nasnet_large",
            "nasnet_a",
            "NASNet-A (6 @ 4032) for 331×331 images: N=6, F=168, 88.8 million parameters, 23.8 billion multiply-adds.",
            "Zoph et al. 2018, table 2",
            {
                **_LARGE,
                "num_repeats": 6,
                "filters": 168,
                "stem_filters": 96,
                "skip_reduction_input": True,
                "padding": "keras",
            },
            published="large",
            notes=_KERAS_BORDERS,
        ),
        "PNASNet5CIFAR10": NamedModel(
            "pnasnet_5_cifar10",
            "pnasnet_5",
            "PNASNet-5 for 32×32 images: N=3, F=48, 3.2 million parameters.",
            "Liu et al. 2018, table 2",
            {"num_repeats": 3, "filters": 48},
        ),
        "PNASNet5Mobile": NamedModel(
            "pnasnet_5_mobile",
            "pnasnet_5",
            "PNASNet-5 for 224×224 images: N=3, F=54, 5.1 million parameters.",
            "Liu et al. 2018, table 4",
            {**_MOBILE, "num_repeats": 3, "filters": 54},
        ),
        "PNASNet5Large": NamedModel(
            "pnasnet_5_large",
            "pnasnet_5",
            "PNASNet-5 for 331×331 images: N=4, F=216, 86 million parameters.",
            "Liu et al. 2018, table 5",
            {**_LARGE, "num_repeats": 4, "filters": 216, "stem_filters": 96},
        ),
        "AmoebaNetA": NamedModel(
            "amoebanet_a",
            "amoebanet_a",
            "AmoebaNet-A for 331×331 images: N=6, F=190, 86.7 million parameters.",
            "Real et al. 2019, table 2",
            {**_LARGE, "num_repeats": 6, "filters": 190},
        ),
        "AmoebaNetB": NamedModel(
            "amoebanet_b",
            "amoebanet_b",
            "AmoebaNet-B for 224×224 images: N=3, F=62, 5.3 million parameters.",
            "Real et al. 2019, appendix",
            {**_MOBILE, "num_repeats": 3, "filters": 62},
        ),
        "AmoebaNetC": NamedModel(
            "amoebanet_c",
            "amoebanet_c",
            "AmoebaNet-C for 224×224 images: N=4, F=50, 6.4 million parameters.",
            "Real et al. 2019, appendix",
            {**_MOBILE, "num_repeats": 4, "filters": 50},
        ),
        "AmoebaNetD": NamedModel(
            "amoebanet_d",
            "amoebanet_d",
            "AmoebaNet-D for 224×224 images: N=4, F=256, 84 million parameters, as the TPU code's defaults have it.",
            "Real et al. 2019, appendix; the released code",
            {**_MOBILE, "num_repeats": 4, "filters": 256},
        ),
        "ENASMicro": NamedModel(
            "enas_micro",
            "enas_micro",
            "ENAS micro for 32×32 images: 15 layers, F=36, 3.9 million parameters.",
            "Pham et al. 2018, section 3.2",
            {"num_repeats": 5, "filters": 36},
        ),
        "DARTSCIFAR10": NamedModel(
            "darts_cifar10",
            "darts_v2",
            "DARTS (second order) for 32×32 images: 20 cells, F=36, 3.3 million parameters.",
            "Liu et al. 2019, table 1",
            {"filters": 36},
        ),
        "DARTSImageNet": NamedModel(
            "darts_imagenet",
            "darts_v2",
            "DARTS (second order) for 224×224 images: 14 cells, F=48, 4.7 million parameters.",
            "Liu et al. 2019, table 3. The released code's batch-normalisation epsilon is 1e-5",
            {**_MOBILE, "batch_norm_epsilon": 1e-5, "num_repeats": 4, "filters": 48},
        ),
        "MnasNetA1": NamedModel(
            "mnasnet_a1",
            "mnasnet_a1",
            "MnasNet-A1 for 224×224 images: 3.9 million parameters, 312 million multiply-adds.",
            "Tan et al. 2019, figure 7 and table 1",
            _MNASNET,
            notes=_PORTS.format("timm's `semnasnet_*`"),
            example=">>> MnasNetA1((96, 96, 3), alpha=0.35, classes=7).count_params()\n489001",
        ),
        "MnasNetB1": NamedModel(
            "mnasnet_b1",
            "mnasnet_b1",
            "MnasNet-B1, without squeeze-and-excitation, for 224×224 images: 4.4 million parameters, 314 million\n"
            "multiply-adds.",
            "Tan et al. 2019, table 1; the released code",
            _MNASNET,
            notes=_PORTS.format("torchvision's MNASNets and timm's `mnasnet_*`"),
        ),
        "MnasNetSmall": NamedModel(
            "mnasnet_small",
            "mnasnet_small",
            "MnasNet-small for 224×224 images: 2.0 million parameters, 68 million multiply-adds.",
            "Tan et al. 2019, table 4; the released code",
            {**_MNASNET, "dropout_rate": 0.0},
            notes=_PORTS.format(
                'timm\'s `mnasnet_small`, whose genotype has `skip="identity"` in its first\nstage too'
            ),
        ),
        "MnasNetD1": NamedModel(
            "mnasnet_d1",
            "mnasnet_d1",
            "MnasNet-D1 for 224×224 images: 3.6 million parameters, 968 million multiply-adds.",
            "the code released with Tan et al. 2019",
            _MNASNET,
            notes=_BACKBONE,
        ),
        "MnasNetD1_320": NamedModel(
            "mnasnet_d1_320",
            "mnasnet_d1_320",
            "MnasNet-D1-320 for 320×320 images: 6.9 million parameters, 3.7 billion multiply-adds.",
            "the code released with Tan et al. 2019",
            {**_MNASNET, "input_shape": (320, 320, 3)},
            notes=_BACKBONE,
        ),
    }
)
"""The named models, by the names of their functions."""

"""Write the cards of NASNet-A mobile and large with Keras' published ImageNet weights.

    python tools/make_imagenet_cards.py --names=FILE

FILE has the 1,000 classes' names, one a line, in the order of their WordNet ids: the first lemma of each.
"""

import dataclasses
from pathlib import Path

from absl import app, flags

from nasnet_keras.card import Card
from nasnet_keras.genotypes.catalogue import NASNET_A
from nasnet_keras.networks.cost import genotype_cost
from nasnet_keras.weights.published import PUBLISHED

_NAMES = flags.DEFINE_string("names", None, "File of the classes' names, one a line.", required=True)
_CARDS = Path(__file__).resolve().parent.parent / "pretrained/cards"
_COMMON = {"stem": "imagenet", "padding": "keras", "batch_norm_epsilon": 1e-3, "classifier_activation": None}
_SIZES = {
    "mobile": (224, 0.740, {"num_repeats": 4, "filters": 44}),
    "large": (331, 0.827, {"num_repeats": 6, "filters": 168, "stem_filters": 96, "skip_reduction_input": True}),
}


def main(argv: list[str]) -> None:
    del argv
    names = Path(_NAMES.value).read_text(encoding="utf-8").splitlines()
    for size, (side, accuracy, arguments) in _SIZES.items():
        network, shape = {**arguments, **_COMMON}, (side, side, 3)
        Card(
            name=f"nasnet_{size}_imagenet",
            genotype=NASNET_A,
            network=network,
            input_shape=shape,
            input_range=(0.0, 255.0),
            preprocessing={"scale": 1 / 127.5, "offset": -1.0},
            class_names=tuple(names),
            dataset={
                "name": "imagenet2012",
                "source": "ImageNet-1k (ILSVRC 2012), JPEG",
                "images": {"train": 1281167, "validation": 0, "test": 50000},
            },
            training={"source": "TF-Slim's weights, as keras.applications publishes them; not trained here"},
            metrics={
                "test_accuracy": accuracy,
                "test_images": 50000,
                "runs": 1,
                "source": "published: Zoph et al. 2018, tables 2 and 3; not measured here",
            },
            cost=dataclasses.asdict(genotype_cost(NASNET_A, shape, classes=1000, **network)),
            license="Apache-2.0",
            weights=PUBLISHED[size, True],
            reference={},
        ).write(_CARDS)


if __name__ == "__main__":
    app.run(main)

"""Write `nasnet_keras/training/datasets/digits.npz` from scikit-learn's copy of the UCI handwritten digits.

    pip install scikit-learn && python tools/make_digits.py

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998,
doi:10.24432/C50P49, license CC BY 4.0. scikit-learn has its test part: 1,797 images of 8×8 pixels from 0 to 16. The
images, which are sorted by writer, are shuffled once with a fixed seed and otherwise unchanged.
"""

from functools import partial
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from nasnet_keras.utils.files import write_saved

TARGET = Path(__file__).parent.parent / "nasnet_keras" / "training" / "datasets" / "digits.npz"


def main() -> None:
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    images = images[order].reshape(-1, 8, 8).astype(np.uint8)
    arrays = {"images": images, "labels": labels[order].astype(np.uint8)}
    write_saved(TARGET, partial(np.savez_compressed, **arrays))
    print(f"{TARGET}: {len(images)} images, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()

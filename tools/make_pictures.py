"""Draw the catalogue: `python tools/make_pictures.py` writes `docs/genotypes/*.svg` and `docs/genotypes/README.md`."""

from pathlib import Path

import nasnet_keras as nk
from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.utils.files import write_text

FOLDER = Path(__file__).parent.parent / "docs" / "genotypes"


def main() -> None:
    lines = ["# The catalogue", "", "Made by `python tools/make_pictures.py`.", ""]
    for name in nk.genotypes.names(BaseGenotype):
        genotype = nk.genotypes.get(name)
        nk.plot_genotype(genotype, FOLDER / f"{name}.svg")
        of_cells = isinstance(genotype, nk.Genotype)
        kind = f"skeleton `{nk.genotypes.skeleton_of(genotype).name}`" if of_cells else f"`{type(genotype).__name__}`"
        lines += [f"## {name}", "", f"Fingerprint `{genotype.fingerprint}`, {kind}."]
        lines += ["", f"![{name}]({name}.svg)", ""]
    write_text(FOLDER / "README.md", "\n".join(lines))


if __name__ == "__main__":
    main()

"""Draw the catalogue: `python tools/make_pictures.py` writes `docs/genotypes/*.svg` and `docs/genotypes/README.md`."""

from pathlib import Path

import nasnet_keras as nk

FOLDER = Path(__file__).parent.parent / "docs" / "genotypes"


def main() -> None:
    lines = ["# The catalogue", "", "Made by `python tools/make_pictures.py`.", ""]
    for name in nk.genotypes.names():
        genotype = nk.genotypes.get(name)
        nk.plot_genotype(genotype, FOLDER / f"{name}.svg")
        lines += [f"## {name}", "", f"Fingerprint `{genotype.fingerprint}`, skeleton "]
        lines[-1] += f"`{nk.genotypes.skeleton_of(genotype).name}`."
        lines += ["", f"![{name}]({name}.svg)", ""]
    (FOLDER / "README.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()

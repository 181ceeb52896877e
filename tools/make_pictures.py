"""Draw what the pages show: `python tools/make_pictures.py`.

It writes the catalogue, `docs/genotypes/*.svg` and `docs/genotypes/README.md`, and the pictures of the explanations,
`docs/pictures/*.svg`.
"""

from pathlib import Path

from drawings import DRAWINGS

import nasnet_keras as nk
from nasnet_keras import search
from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.plotting.cells import cells_svg
from nasnet_keras.utils.files import write_text

DOCS = Path(__file__).parent.parent / "docs"
STUDIES = ("convolutions_cifar10", "latency_cifar10")  # one in which a search found more than chance, and one without


def main() -> None:
    catalogue()
    explanations()


def catalogue() -> None:
    folder = DOCS / "genotypes"
    lines = ["# The catalogue", "", "Made by `python tools/make_pictures.py`.", ""]
    for name in nk.genotypes.names(BaseGenotype):
        genotype = nk.genotypes.get(name)
        nk.plot_genotype(genotype, folder / f"{name}.svg")
        of_cells = isinstance(genotype, nk.Genotype)
        kind = f"skeleton `{nk.genotypes.skeleton_of(genotype).name}`" if of_cells else f"`{type(genotype).__name__}`"
        lines += [f"## {name}", "", f"Fingerprint `{genotype.fingerprint}`, {kind}."]
        lines += ["", f"![{name}]({name}.svg)", ""]
    write_text(folder / "README.md", "\n".join(lines))


def explanations() -> None:
    folder = DOCS / "pictures"
    folder.mkdir(exist_ok=True)
    for name, drawing in DRAWINGS.items():
        write_text(folder / f"{name}.svg", drawing())
    write_text(folder / "outputs.svg", cells_svg(_outputs()))
    for name in STUDIES:
        search.plot_optimization_history(search.load_study(DOCS / "studies" / name), folder / f"{name}.svg")


def _outputs() -> dict[str, nk.Cell]:
    """The reduction cell of NASNet-A as it was released, and with the blocks alone that no other block reads."""
    cell = nk.genotypes.NASNET_A.reduction
    read = {edge.input for block in cell.blocks for edge in block.edges}
    unread = [state for state in cell.states if state.startswith("block") and state not in read]
    return {"As released": cell, "Outputs derived: the blocks that no block reads": nk.Cell(cell.blocks, unread)}


if __name__ == "__main__":
    main()

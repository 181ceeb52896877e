"""Write the README's table of trained models, from their cards.

python tools/model_table.py           # writes README.md
python tools/model_table.py --print   # prints the table
"""

from pathlib import Path

from absl import app, flags

from nasnet_keras import genotypes
from nasnet_keras.card import Card
from nasnet_keras.utils.files import write_text

_PRINT = flags.DEFINE_bool("print", False, "Print the table and leave README.md as it is.")
_ROOT = Path(__file__).resolve().parent.parent
_START, _END = "<!-- models: tools/model_table.py -->\n", "<!-- end of models -->\n"


def table() -> str:
    """The table, in Markdown: the best model of each data set first."""
    cards = [Card.read(path) for path in (_ROOT / "pretrained/cards").glob("*.json")]
    cards.sort(key=lambda card: (card.dataset["name"], -card.metrics["test_accuracy"]))
    lines = [
        "| model | genotype | data set | image | test accuracy | parameters | multiply-adds | latency | weights |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for card in cards:
        height, width, _ = card.input_shape
        images = f"{card.metrics['test_images']:,}"
        note = " (published)" if card.weights.url else f" on {images}"
        size = f"{card.weights.size / 2**20:.1f} MiB" if card.weights.size else "downloaded"
        published = genotypes.name_of(card.genotype)
        cells = (
            f"`{published}`" if published else "our own",
            card.dataset["name"],
            f"{height}×{width}",
            f"{card.metrics['test_accuracy']:.2%}{note}",
            f"{card.cost['parameters']:,}",
            f"{card.cost['multiply_adds'] / 1e6:,.0f} million",
            _latency(card),
            f"{size}{', downloaded' if card.weights.url and card.weights.size else ''}",
        )
        lines.append(f"| `{card.name}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _latency(card: Card) -> str:
    """The latency of one image by LiteRT in one thread."""
    known = {(each["runtime"], each["threads"]): each["median_ms"] for each in card.latencies}
    return f"{known['litert', 1]:.3g} ms" if known else ""


def main(argv: list[str]) -> None:
    del argv
    if _PRINT.value:
        print(table(), end="")
        return
    readme = _ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    if _START not in text or _END not in text:
        raise ValueError(f"{readme} has no place for the table: expected the lines {_START!r} and {_END!r}")
    before, _, rest = text.partition(_START)
    _, _, after = rest.partition(_END)
    write_text(readme, f"{before}{_START}{table()}{_END}{after}")


if __name__ == "__main__":
    app.run(main)

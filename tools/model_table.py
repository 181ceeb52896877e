"""Write the tables of trained models, from their cards: that of the models, and that of quantized files.

python tools/model_table.py           # writes docs/models/README.md and docs/inference.md
python tools/model_table.py --print   # prints the tables
"""

from collections.abc import Callable
from pathlib import Path

from absl import app, flags

from nasnet_keras import genotypes
from nasnet_keras.card import Card
from nasnet_keras.utils.files import write_text

_PRINT = flags.DEFINE_bool("print", False, "Print the tables and leave the pages as they are.")
_ROOT = Path(__file__).resolve().parent.parent
_THREADS = (1, 2)


def models() -> str:
    """The table of models, in Markdown: the best model of each data set first."""
    lines = [
        "| model | genotype | data set | image | test accuracy | parameters | multiply-adds | latency | weights |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for card in _cards():
        height, width, _ = card.input_shape
        images = f"{card.metrics['test_images']:,}"
        note = " (published)" if card.weights.url else f" on {images}"
        size = f"{card.weights.size / 2**20:.1f} MiB" if card.weights.size else "downloaded"
        published = genotypes.name_of(card.genotype)
        cells = (
            f"`{published}`" if published else "its own",
            card.dataset["name"],
            f"{height}×{width}",
            f"{card.metrics['test_accuracy']:.2%}{note}",
            f"{card.cost['parameters']:,}",
            f"{card.cost['multiply_adds'] / 1e6:,.0f} million",
            _latency(card),
            f"{size}{', downloaded' if card.weights.url and card.weights.size else ''}",
        )
        name = f"`{card.name}`" if card.weights.url else f"[`{card.name}`]({card.name}.md)"
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def quantized() -> str:
    """The table of files in int8, in Markdown, in the same order."""
    lines = [
        "| model | accuracy | engine | in int8 | size | 1 thread, ms | of float32 | 2 threads, ms | of float32 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for card in _cards():
        plain = _medians(card.latencies)
        for each in card.quantized:
            now, engine = _medians(each["latencies"]), each["format"]
            times = [(now[engine, threads], now[engine, threads] / plain[engine, threads]) for threads in _THREADS]
            cells = (
                f"{each['float32_accuracy']:.2%}",
                engine,
                f"{each['test_accuracy']:.2%}",
                f"{each['size'] / each['float32_size']:.2f}",
                *(cell for time, ratio in times for cell in (f"{time:#.3g}", f"{ratio:.2f}")),
            )
            lines.append(f"| `{card.name}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


PLACES: dict[str, tuple[str, Callable[[], str]]] = {
    "docs/models/README.md": ("models", models),
    "docs/inference.md": ("quantized models", quantized),
}
"""The pages, and what stands where in them."""


def _cards() -> list[Card]:
    cards = [Card.read(path) for path in (_ROOT / "pretrained/cards").glob("*.json")]
    return sorted(cards, key=lambda card: (card.dataset["name"], -card.metrics["test_accuracy"]))


def _medians(latencies: list[dict] | tuple[dict, ...]) -> dict[tuple[str, int], float]:
    return {(each["runtime"], each["threads"]): each["median_ms"] for each in latencies}


def _latency(card: Card) -> str:
    """The latency of one image by LiteRT in one thread."""
    known = _medians(card.latencies)
    return f"{known['litert', 1]:#.3g} ms" if known else ""


def main(argv: list[str]) -> None:
    del argv
    for page, (what, table) in PLACES.items():
        if _PRINT.value:
            print(table())
            continue
        start, end = f"<!-- {what}: tools/model_table.py -->\n", f"<!-- end of {what} -->\n"
        text = (_ROOT / page).read_text(encoding="utf-8")
        if start not in text or end not in text:
            raise ValueError(f"{page} has no place for the table: expected the lines {start!r} and {end!r}")
        before, _, rest = text.partition(start)
        write_text(_ROOT / page, before + start + table() + end + rest.partition(end)[2])


if __name__ == "__main__":
    app.run(main)

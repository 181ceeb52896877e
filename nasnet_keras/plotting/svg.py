"""The parts of pictures of genotypes: boxes, and the SVG text around them."""

from dataclasses import dataclass

__all__ = ["BOX_WIDTH", "HEADER", "MARGIN", "ROW_HEIGHT", "Box", "document"]

BOX_WIDTH, ROW_HEIGHT, HEADER, MARGIN = 172, 24, 24, 16
_COLORS = {"identity": "#eceff1", "pool": "#e3f2fd", "sep": "#fff3e0", "dil": "#f3e5f5", "conv": "#e8f5e9"}
_STYLE = (
    "text{font-family:Helvetica,Arial,sans-serif;font-size:12px;fill:#212121}"
    ".title{font-size:16px;font-weight:bold}.state{font-weight:bold}"
    ".edge{fill:none;stroke:#607d8b;stroke-width:1.4}.output{stroke-dasharray:5 3}"
)


@dataclass(frozen=True)
class Box:
    """A drawn state or output: its place in pixels, its heading and one row for each of its operations."""

    x: float
    y: float
    title: str
    rows: tuple[str, ...]

    @property
    def height(self) -> float:
        """Its height in pixels."""
        return HEADER + ROW_HEIGHT * len(self.rows)

    @property
    def exit(self) -> tuple[float, float]:
        """The point on its right side from which lines leave."""
        return self.x + BOX_WIDTH, self.y + self.height / 2

    def entry(self, row: int) -> tuple[float, float]:
        """Return the point on its left side at which a line reaches an operation."""
        return self.x, self.y + HEADER + ROW_HEIGHT * (row + 0.5)

    def drawn(self) -> list[str]:
        """Draw it as SVG elements."""
        parts = [
            f'<rect x="{self.x:g}" y="{self.y:g}" width="{BOX_WIDTH}" height="{self.height:g}" rx="5" fill="#cfd8dc" '
            f'stroke="#455a64"/>'
        ]
        middle = self.x + BOX_WIDTH / 2
        parts.append(f'<text class="state" x="{middle:g}" y="{self.y + 16:g}" text-anchor="middle">{self.title}</text>')
        for row, operation in enumerate(self.rows):
            y = self.y + HEADER + row * ROW_HEIGHT
            parts.append(
                f'<rect x="{self.x + 4:g}" y="{y:g}" width="{BOX_WIDTH - 8}" height="{ROW_HEIGHT - 4}" rx="3" '
                f'fill="{_color(operation)}"/>'
                f'<text x="{middle:g}" y="{y + 14:g}" text-anchor="middle">{operation}</text>'
            )
        return parts


def document(width: float, height: float, parts: list[str]) -> str:
    """Compose a picture of SVG elements on a white background."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}">\n<style>{_STYLE}</style>\n'
        f'<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _color(operation: str) -> str:
    return next((color for part, color in _COLORS.items() if part in operation), _COLORS["identity"])

"""Names and values of costs in words."""

from nasnet_keras.pages.markup import number, short

__all__ = ["amount", "cost_name", "cost_title", "plain_amount"]

_NAMES = {
    "multiply_adds": "multiply-adds",
    "parameters": "parameters",
    "trainable_parameters": "trainable parameters",
}
_UNITS = {"_ms": ("ms", "latency"), "_mib": ("MiB", "memory"), "_mj": ("mJ", "energy")}  # by the ends of names


def cost_name(name: str) -> str:
    """Write the name of a cost within a sentence.

    Example:
        >>> cost_name("multiply_adds"), cost_name("pixel3_ms"), cost_name("peak_memory_mib")
        ('multiply-adds', 'pixel3 latency', 'peak memory')
    """
    return _NAMES.get(name, _parts(name)[0].replace("_", " "))


def cost_title(name: str) -> str:
    """Write the name of a cost with its unit, as a heading.

    Example:
        >>> cost_title("latency_ms"), cost_title("multiply_adds")
        ('Latency (ms)', 'Multiply-adds')
    """
    said, unit = cost_name(name), _parts(name)[1]
    return f"{said[:1].upper()}{said[1:]}" + (f" ({unit})" if unit else "")


def plain_amount(name: str, value: float | None) -> str:
    """Write the value of a cost without its unit, as on an axis: a count by its size, a measure by three digits.

    Example:
        >>> plain_amount("multiply_adds", 26_518_784), plain_amount("latency_ms", 4.0625)
        ('26.5 M', '4.06')
    """
    value = number(value)
    if value is None:
        return "–"
    if value >= 1000:
        return f"{value:,.0f}" if _parts(name)[1] else short(value)
    return f"{value:.3g}"


def amount(name: str, value: float | None) -> str:
    """Write the value of a cost with its unit, which never break over two lines.

    Example:
        >>> amount("latency_ms", 4.0625).replace("&nbsp;", " "), amount("parameters", 1_160).replace("&nbsp;", " ")
        ('4.06 ms', '1.16 k parameters')
    """
    shown = plain_amount(name, value).replace(" ", "&nbsp;")
    said = _parts(name)[1] or (cost_name(name) if name in _NAMES else "")
    return f"{shown}&nbsp;{said}" if said else shown


def _parts(name: str) -> tuple[str, str]:
    """The name without its unit, and the unit."""
    for end, (unit, quantity) in _UNITS.items():
        if name.endswith(end):
            stem = name.removesuffix(end)
            return stem if stem.endswith(quantity) else f"{stem}_{quantity}", unit
    return name, ""

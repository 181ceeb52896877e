"""A study for people: the page `report.html`, the summary in the terminal, and curves for TensorBoard."""

from nasnet_keras.utils.lazy import resolving

_EXPORTS = {"report": "page", "summary": "terminal", "write_report": "page"}

__all__ = sorted(_EXPORTS)


__getattr__, __dir__ = resolving(__name__, _EXPORTS)

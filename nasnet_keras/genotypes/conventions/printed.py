"""The text that is printed of DARTS' genotypes, such as a line of a log."""

import ast
import re
from collections.abc import Sequence
from typing import Any

from nasnet_keras.genotypes.base import GenotypeError, short
from nasnet_keras.genotypes.conventions.values import as_list

__all__ = ["printed_fields"]

_LONGEST = 1 << 16  # letters
_CALL = "Genotype("
_NUMPY_SCALAR = re.compile(r"u?int\d+|float\d+|str_")


def printed_fields(text: str, names: Sequence[str]) -> dict[str, Any]:
    """The fields in a text such as `Genotype(normal=[('skip_connect', 0), …], normal_concat=range(2, 6), …)`.

    Args:
        text: the call, with or without other words before and after it. It is parsed and never evaluated.
        names: names of the fields that stand there without a name, in order.

    Raises:
        GenotypeError: the text has no such call or several, or the call holds more than lists, texts and numbers.
    """
    advice = "expected DARTS' genotype as it is printed, Genotype(normal=[…], normal_concat=…, …)"
    if len(text) > _LONGEST or (count := text.count(_CALL)) == 0:
        raise GenotypeError(f"{advice}, got {short(text)}")
    if count > 1:
        raise GenotypeError(f"{advice}, got {count} of them: {short(text)}")
    try:
        call = ast.parse(_call(text[text.index(_CALL) :]), mode="eval").body
        if not isinstance(call, ast.Call) or any(keyword.arg is None for keyword in call.keywords):
            raise ValueError("it is no call")
        named = {keyword.arg: _literal(keyword.value) for keyword in call.keywords}
        return {**dict(zip(names, map(_literal, call.args), strict=False)), **named}
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        raise GenotypeError(f"{advice}, with nothing but lists, texts and numbers in it, got {short(text)}") from None


def _call(text: str) -> str:
    """The call that a text begins with: a line of a log may go on after it."""
    depth = 0
    for end, letter in enumerate(text, start=1):
        depth += (letter == "(") - (letter == ")")
        if letter == ")" and depth == 0:
            return text[:end]
    raise ValueError("its brackets are not closed")


def _literal(node: ast.expr) -> Any:
    """A value as Python or NumPy prints it; `range(…)`, `array(…)` and `np.int64(…)` are allowed."""
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        arguments = [_literal(argument) for argument in node.args]
        if name == "range":
            return range(*arguments)
        if name in ("list", "array"):
            return as_list(*arguments, "a list")
        if _NUMPY_SCALAR.fullmatch(name) and len(arguments) == 1:
            return arguments[0]
    if isinstance(node, ast.List | ast.Tuple):
        return [_literal(item) for item in node.elts]
    return ast.literal_eval(node)

"""One text of the values to what it means: an expression's text, or the text as it is."""

from functools import lru_cache

import msgspec

from ks_universal.suggestions import suggest
from ks_universal.values.expressions.context import ROOTS, Context
from ks_universal.values.expressions.errors import ExpressionError
from ks_universal.values.expressions.evaluate import Evaluation
from ks_universal.values.expressions.lexer import Token, scan
from ks_universal.values.expressions.parser import parse_template
from ks_universal.values.expressions.recognize import is_expression, named_keys, near_misses
from ks_universal.values.expressions.syntax import Block


class Expanded(msgspec.Struct, frozen=True):
    """`text` is None where errors, here or in a text before, kept the expression from having one.

    `keys` may be read at the top of the values.
    """

    text: str | None
    errors: tuple[ExpressionError, ...] = ()
    warnings: tuple[ExpressionError, ...] = ()
    keys: frozenset[str] = frozenset()


def expand_text(text: str, context: Context, *, always: bool = False) -> Expanded:
    """Evaluate a text; with `always`, whatever is in its braces. Nothing is raised, whatever the text is."""
    pieces = scan(text)
    if not always and not is_expression(pieces):
        return Expanded(text, warnings=tuple(map(_near_miss, near_misses(pieces))))
    keys = frozenset(named_keys(pieces))
    if context.is_spent:
        return Expanded(None, keys=keys)
    try:
        block = _parse(text)
    except ExpressionError as error:
        return Expanded(None, (error,), keys=keys)
    evaluation = Evaluation(context, _parse)
    result = evaluation.run(block)
    usable = None if evaluation.errors else result
    return Expanded(usable, tuple(evaluation.errors), tuple(evaluation.warnings), keys)


def quote_braces(text: str) -> str:
    """Give a text that `expand_text` makes this text of: braces that would be evaluated are quoted."""
    pieces = scan(text)
    if not is_expression(pieces) and not any(near_misses(pieces)):
        return text
    return text.replace("{{", '{{ "{{" }}')


@lru_cache(maxsize=1024)
def _parse(text: str) -> Block:
    return parse_template(scan(text))


def _near_miss(token: Token) -> ExpressionError:
    message = f"'{token.text}' is nothing that expressions read, so the braces stay as they are"
    known = [f".{root}" for root in ROOTS]
    return ExpressionError(message, hint=suggest(token.text, known), code="expressions/left-as-text", at=token.at)

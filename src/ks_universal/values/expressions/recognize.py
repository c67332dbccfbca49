"""Tells expressions from texts of other template languages; the rule is in the package's docstring."""

from collections.abc import Iterator, Sequence

from ks_universal.values.expressions.context import ROOTS
from ks_universal.values.expressions.errors import ExpressionError
from ks_universal.values.expressions.functions import FUNCTIONS, LAZY
from ks_universal.values.expressions.functions.refused import REFUSED
from ks_universal.values.expressions.lexer import Action, Piece, Token
from ks_universal.values.expressions.pipelines import parse_pipeline
from ks_universal.values.expressions.syntax import Access, Call, Literal, Operand, Pipeline

_ROOT_FIELDS = frozenset(f".{root}" for root in ROOTS)
_ONLY_HELM = frozenset({*REFUSED, "ago", "now", "tpl"})
_WITHOUT_ARGUMENTS = frozenset({"now", "uuidv4"})
_BEFORE_ROOTS = frozenset({"space", "mark"})


def is_expression(pieces: Sequence[Piece]) -> bool:
    """Tell whether any action of a text is ours, so that all of it is."""
    return any(isinstance(piece, Action) and _is_ours(piece) for piece in pieces)


def near_misses(pieces: Sequence[Piece]) -> Iterator[Token]:
    """Find what was probably meant for ours in a text that is not: `.values.registry`."""
    folded = {field.casefold() for field in _ROOT_FIELDS}
    for piece in pieces:
        if isinstance(piece, Action):
            tokens = [token for index, token in enumerate(piece.tokens) if _is_at_root(piece.tokens, index)]
            yield from (token for token in tokens if token.text.casefold() in folded)


def named_keys(pieces: Sequence[Piece]) -> Iterator[str]:
    """Give the keys that a text may read at the top of the values: `.Values.KEY`, `index .Values "KEY"`."""
    for piece in pieces:
        tokens = piece.tokens if isinstance(piece, Action) else ()
        for before, token in zip(("", *(t.text for t in tokens)), tokens, strict=False):
            if token.kind == "text":
                yield token.text[1:-1]
            elif token.kind == "field" and (before == ".Values" or before.startswith("$") or before == ")"):
                yield token.text[1:]


def _is_ours(action: Action) -> bool:
    tokens = action.tokens
    if action.comment or any(t.text in _ROOT_FIELDS and _is_at_root(tokens, i) for i, t in enumerate(tokens)):
        return True
    if not action.closed:
        return False
    try:
        pipeline = parse_pipeline(action)
    except ExpressionError:
        return False
    if pipeline is None or _is_bare(pipeline):
        return False
    return _calls_helm(pipeline) or _is_constant(pipeline)


def _is_at_root(tokens: Sequence[Token], index: int) -> bool:
    """Tell whether a field is read of `.` or `$`, and not of something that another language calls."""
    if tokens[index].kind != "field":
        return False
    before = tokens[index - 1] if index else None
    return before is None or before.text == "$" or (before.kind in _BEFORE_ROOTS and before.text != ")")


def _calls_helm(pipeline: Pipeline) -> bool:
    operands = [operand for command in pipeline.commands for operand in command.operands]
    inner = [operand.ref if isinstance(operand, Access) else operand for operand in operands]
    return any(
        operand.name in _ONLY_HELM
        if isinstance(operand, Call)
        else isinstance(operand, Pipeline) and _calls_helm(operand)
        for operand in inner
    )


def _is_constant(pipeline: Pipeline) -> bool:
    return all(_is_constant_operand(operand) for command in pipeline.commands for operand in command.operands)


def _is_constant_operand(operand: Operand) -> bool:
    if isinstance(operand, Call):
        return operand.name in FUNCTIONS or operand.name in LAZY or operand.name in REFUSED
    if isinstance(operand, Access):
        return _is_constant_operand(operand.ref)
    return isinstance(operand, Literal) or (isinstance(operand, Pipeline) and _is_constant(operand))


def _is_bare(pipeline: Pipeline) -> bool:
    """Tell whether there is but one word or number, which in many languages is a variable."""
    operands = [operand for command in pipeline.commands for operand in command.operands]
    if len(operands) > 1 or pipeline.variables:
        return False
    only = operands[0]
    if isinstance(only, Call):
        return only.name not in _WITHOUT_ARGUMENTS
    return isinstance(only, Literal) and not isinstance(only.value, str)

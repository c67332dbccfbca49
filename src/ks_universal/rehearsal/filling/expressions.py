"""What can be seen in the text of a condition without understanding it: hints at values that may pass.

PostgreSQL words conditions in one way, with all parentheses and casts. Whatever is read here is tried on the server
before it is used, so a hint may be wrong.
"""

import re
from collections.abc import Iterable, Iterator

import msgspec

_TOKEN = re.compile(
    r"""(?P<string>E?'(?:[^']|'')*')
      | (?P<cast>::\s*(?:"(?:[^"]|"")*"|[A-Za-z_][\w$]*)(?:\.(?:"(?:[^"]|"")*"|[A-Za-z_][\w$]*))*
          (?:\ varying|\ precision)?(?:\(\d+(?:,\s*-?\d+)?\))?(?:\ with(?:out)?\ time\ zone)?(?:\[\])*)
      | (?P<collation>\bCOLLATE\s+(?:[\w.]*)(?:"(?:[^"]|"")*")?)
      | OPERATOR\((?:(?:\w+|"(?:[^"]|"")*")\.)?(?P<operator>[^)]+)\)
      | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<word>(?:[^\W\d][\w$]*|"(?:[^"]|"")*")(?:\.(?:[^\W\d][\w$]*|"(?:[^"]|"")*"))*)
      | (?P<symbol>[<>=~!@\#%^&|`?+\-*/]+|[()\[\],])""",
    re.VERBOSE,
)
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}
_KEYWORDS = {"AND", "OR", "NOT", "ANY", "ALL", "ARRAY", "IS", "CASE", "WHEN", "THEN", "ELSE", "IN", "BETWEEN", "CHECK"}
_LENGTHS = {"length", "char_length", "character_length", "octet_length", "cardinality", "array_length"}


class Hints(msgspec.Struct):
    """What a condition says of one column: comparisons with literals, patterns, lengths, and all its literals."""

    bounds: list[tuple[str, str]] = []
    patterns: list[tuple[str, str]] = []
    lengths: list[int] = []
    literals: list[str] = []

    @property
    def low(self) -> str | None:
        """Return the first lower bound."""
        return next((value for operator, value in self.bounds if operator in (">", ">=")), None)

    @property
    def high(self) -> str | None:
        """Return the first upper bound."""
        return next((value for operator, value in self.bounds if operator in ("<", "<=")), None)


def names_in(expression: str) -> tuple[str, ...]:
    """Return the identifiers in an expression, functions and keywords among them, each once."""
    return tuple(dict.fromkeys(text for kind, text in _tokenize(expression) if kind == "word"))


def find_hints(expression: str, column: str) -> Hints:
    """Return what an expression says of a column (`VALUE` in a domain)."""
    hints, tokens = Hints(), list(_simplify(list(_tokenize(expression))))
    for kind, text in tokens:
        if kind in ("string", "number"):
            hints.literals += _elements(text) if text.startswith("{") and text.endswith("}") else []
            hints.literals.append(text)
    for place, (kind, text) in enumerate(tokens):
        if kind != "symbol" or text in "()[],":
            continue
        left, right = _operand(tokens[:place][::-1], ")"), _operand(tokens[place + 1 :], "(")
        if _names(left, column) and right and right[0][0] in ("string", "number"):
            _add(hints, text, right[0][1], left)
        elif _names(right, column) and left and left[0][0] in ("string", "number"):
            _add(hints, _FLIPPED.get(text, text), left[0][1], right)
    hints.literals = list(dict.fromkeys(hints.literals))
    return hints


def merge_hints(found: Iterable[Hints]) -> Hints:
    """Return all that is said in several conditions."""
    merged = Hints()
    for hints in found:
        merged.bounds += hints.bounds
        merged.patterns += hints.patterns
        merged.lengths += hints.lengths
        merged.literals = list(dict.fromkeys([*merged.literals, *hints.literals]))
    return merged


def find_orders(expression: str, columns: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield the pairs of columns of which the first is to be less: those compared, and those that bound a range."""
    tokens = list(_simplify(list(_tokenize(expression))))
    for (_, left), (kind, operator), (_, right) in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if left not in columns or right not in columns:
            continue
        if operator in ("<", "<=") or (operator == "," and kind == "symbol" and "range" in expression):
            yield left, right
        elif operator in (">", ">="):
            yield right, left


def find_equality(expression: str, columns: tuple[str, ...]) -> tuple[str, str] | None:
    """Return the column and the expression of a condition `column = expression`."""
    inner = _bare(expression)
    for column in columns:
        if inner.startswith(f"{column} = "):
            return column, inner.removeprefix(f"{column} = ")
        if inner.endswith(f" = {column}"):
            return column, inner.removesuffix(f" = {column}")
    return None


def conjuncts(expression: str) -> Iterator[str]:
    """Yield the conditions that an expression joins by AND."""
    inner, depth, start = _bare(expression), 0, 0
    for found in re.finditer(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[()]| AND ", inner):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if found[0] == " AND " and depth == 0:
            yield inner[start : found.start()]
            start = found.end()
    yield inner[start:]


def _bare(expression: str) -> str:
    return expression[1:-1] if expression.startswith("(") and _closes_last(expression) else expression


def _closes_last(text: str) -> bool:
    """Tell whether the first parenthesis is closed by the last character."""
    depth = 0
    for found in re.finditer(r"'(?:[^']|'')*'|\"[^\"]*\"|[()]", text):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if depth == 0:
            return found.end() == len(text)
    return False


def _tokenize(expression: str) -> Iterator[tuple[str, str]]:
    for found in _TOKEN.finditer(expression):
        kind = found.lastgroup or ""
        text = found[kind]
        if kind == "string":
            yield (
                kind,
                text[text.index("'") + 1 : -1].replace("''", "'").replace("\\\\", "\\" if text[0] == "E" else "\\\\"),
            )
        elif kind == "operator":
            yield "symbol", text
        elif kind not in ("cast", "collation"):
            yield kind, text


def _simplify(tokens: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Take the parentheses from around single tokens, but for those of functions."""
    place = 0
    while place + 2 < len(tokens):
        before = tokens[place - 1] if place else ("symbol", "(")
        called = before[0] == "word" and before[1] not in _KEYWORDS
        if tokens[place] == ("symbol", "(") and tokens[place + 2] == ("symbol", ")") and not called:
            tokens[place : place + 3] = [tokens[place + 1]]
            place = max(place - 1, 0)
        else:
            place += 1
    return tokens


def _operand(tokens: list[tuple[str, str]], opening: str) -> list[tuple[str, str]]:
    """Return the token next to an operator, or the call of a function there (`lower(x)`), names first."""
    if not tokens:
        return []
    if opening == ")" and tokens[0] == ("symbol", ")"):
        end = next((at for at, token in enumerate(tokens) if token == ("symbol", "(")), len(tokens))
        return tokens[end + 1 : end + 2] + tokens[1:end][::-1]
    if opening == "(" and len(tokens) > 1 and tokens[1] == ("symbol", "("):
        end = next((at for at, token in enumerate(tokens) if token == ("symbol", ")")), len(tokens))
        return [tokens[0], *tokens[2:end]]
    return tokens[:1]


def _names(operand: list[tuple[str, str]], column: str) -> bool:
    return any(token == ("word", column) for token in operand)


def _add(hints: Hints, operator: str, value: str, operand: list[tuple[str, str]]) -> None:
    if operand[0][1].rpartition(".")[2] in _LENGTHS and len(operand) > 1:
        if value.isdigit():
            hints.lengths.append(int(value) + {">": 1, "<": -1}.get(operator, 0))
    elif "~" in operator:
        hints.patterns.append((operator, value))
    else:
        hints.bounds.append((operator, value))


def _elements(text: str) -> list[str]:
    """Return the elements of an array's literal, for simple ones."""
    return [part.strip('"') for part in text[1:-1].split(",")]

"""Tokens of one action to its pipeline: commands, operands, variables."""

from ks_universal.values.expressions.errors import ExpressionError
from ks_universal.values.expressions.lexer import Action, Token
from ks_universal.values.expressions.literals import read_char, read_number, read_text
from ks_universal.values.expressions.syntax import (
    Access,
    Call,
    Command,
    Dot,
    Literal,
    Operand,
    Pipeline,
    Variable,
)

MAX_DEPTH = 50
"""Of parentheses and of blocks in each other; far beyond what people write, and far below Python's own limit."""

BRANCHES = ("if", "with", "range")
CHART_ONLY = ("define", "block", "template")
KEYWORDS = frozenset({*BRANCHES, *CHART_ONLY, "else", "end", "break", "continue"})
_WORDS = {"true": True, "false": False, "nil": None}
_OPERAND_ENDS = ("space", "mark", "end")
_READERS = {"text": read_text, "char": read_char, "number": read_number}
_AS_TEXT = "braces that are meant as text are written {{ `{{ ... }}` }}"


def parse_pipeline(action: Action) -> Pipeline | None:
    """Parse one action by itself; None if it starts with a keyword. Raises ExpressionError."""
    tokens = Tokens(action)
    return None if tokens.peek_keyword() else PipelineParser(tokens, None).parse()


class Tokens:
    """The tokens of one action, read from left to right; at the end is one of kind `end`."""

    def __init__(self, action: Action) -> None:
        self._tokens = action.tokens
        self._end = Token("end", "", action.tokens[-1].at if action.tokens else action.at)
        self._next = 0

    def peek(self) -> Token:
        """Look at the next token."""
        return self._tokens[self._next] if self._next < len(self._tokens) else self._end

    def take(self) -> Token:
        """Take the next token."""
        token = self.peek()
        self._next += 1
        return token

    def skip_space(self) -> bool:
        """Take blanks; tell whether there were any."""
        if self.peek().kind != "space":
            return False
        self._next += 1
        return True

    def take_mark(self, mark: str) -> bool:
        """Take a mark if it comes next; tell whether it did."""
        if self.peek().kind != "mark" or self.peek().text != mark:
            return False
        self._next += 1
        return True

    def peek_keyword(self) -> str | None:
        """Look whether a keyword comes next."""
        self.skip_space()
        token = self.peek()
        return token.text if token.kind == "word" and token.text in KEYWORDS else None

    def expect_end(self) -> None:
        """Refuse anything else that comes."""
        self.skip_space()
        if self.peek().kind != "end":
            raise unexpected(self.peek())

    def back_to(self, start: int) -> None:
        """Read on from an earlier place."""
        self._next = start

    @property
    def place(self) -> int:
        """What `back_to` takes."""
        return self._next


class PipelineParser:
    """Parses one pipeline; without a `scope` any variable goes."""

    def __init__(self, tokens: Tokens, scope: list[set[str]] | None) -> None:
        self._tokens = tokens
        self._scope = scope
        self._depth = 0

    def parse(self, *, most_variables: int = 1) -> Pipeline:
        """Parse up to the end of the action."""
        self._tokens.skip_space()
        variables, declares = self._parse_targets(most_variables)
        pipeline = self._parse_commands()
        self._tokens.expect_end()
        return pipeline._replace(variables=variables, declares=declares)

    def _parse_targets(self, most: int) -> tuple[tuple[str, ...], bool]:
        """Parse `$x :=`, `$x =` or `$i, $x :=`; go back if the variables are no targets."""
        start = self._tokens.place
        names: list[str] = []
        while self._tokens.peek().kind == "variable" and len(names) < most:
            token = self._tokens.take()
            names.append(token.text)
            self._tokens.skip_space()
            if self._tokens.take_mark(":="):
                return tuple(names), True
            if self._tokens.take_mark("="):
                for name in names:
                    self._check_declared(Token("variable", name, token.at))
                return tuple(names), False
            if not self._tokens.take_mark(","):
                break
            self._tokens.skip_space()
        self._tokens.back_to(start)
        return (), False

    def _parse_commands(self) -> Pipeline:
        at = self._tokens.peek().at
        commands: list[Command] = []
        while True:
            self._tokens.skip_space()
            commands.append(self._parse_command(first=not commands))
            if not self._tokens.take_mark("|"):
                return Pipeline(tuple(commands), (), declares=False, at=at)

    def _parse_command(self, *, first: bool) -> Command:
        operands = [self._parse_operand()]
        while self._tokens.skip_space():
            token = self._tokens.peek()
            if token.kind == "end" or (token.kind == "mark" and token.text in ("|", ")")):
                break
            operands.append(self._parse_operand())
        head = operands[0]
        if not isinstance(head, Call) and (len(operands) > 1 or not first):
            raise syntax_error("this is no function, and takes no arguments", head.at)
        if isinstance(head, Literal) and head.value is None:
            raise syntax_error("'nil' cannot be used alone", head.at)
        return Command(tuple(operands), head.at)

    def _parse_operand(self) -> Operand:
        ref = self._parse_subject()
        names: list[str] = []
        while self._tokens.peek().kind == "field":
            names.append(self._tokens.take().text[1:])
        if self._tokens.peek().kind not in _OPERAND_ENDS:
            raise unexpected(self._tokens.peek())
        if not names:
            return ref
        if isinstance(ref, Literal | Call):
            raise syntax_error("a field needs a value before it", ref.at, "put a call into parentheses: (get ...).name")
        return Access(ref, tuple(names), ref.at)

    def _parse_subject(self) -> Operand:
        token = self._tokens.peek()
        if token.kind == "field":
            return Dot(token.at)
        self._tokens.take()
        if token.text == "." and token.kind == "mark":
            return Dot(token.at)
        if token.text == "(" and token.kind == "mark":
            return self._parse_group(token)
        if token.kind == "variable":
            self._check_declared(token)
            return Variable(token.text, token.at)
        if token.kind == "word" and token.text not in KEYWORDS:
            return Literal(_WORDS[token.text], token.at) if token.text in _WORDS else Call(token.text, token.at)
        return _parse_literal(token)

    def _parse_group(self, opening: Token) -> Pipeline:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise syntax_error("parentheses are nested too deep", opening.at)
        pipeline = self._parse_commands()
        self._depth -= 1
        if not self._tokens.take_mark(")"):
            raise syntax_error("this parenthesis is never closed", opening.at)
        return pipeline

    def _check_declared(self, token: Token) -> None:
        if self._scope is not None and not any(token.text in names for names in self._scope):
            raise ExpressionError(
                f"the variable '{token.text}' is not set before this",
                code="expressions/syntax",
                at=token.at,
                hint=_AS_TEXT,
            )


def _parse_literal(token: Token) -> Literal:
    read = _READERS.get(token.kind)
    if read is None:
        raise unexpected(token)
    try:
        return Literal(read(token.text), token.at)
    except ExpressionError as error:
        error.at = token.at
        raise


def unexpected(token: Token) -> ExpressionError:
    """Say what is wrong with a token at its place."""
    if token.kind == "end":
        return syntax_error("something is missing before '}}'", token.at)
    if token.text == "'":
        return syntax_error("a text is written in double quotes or back quotes", token.at)
    if token.text == '"':
        return syntax_error("a quote is opened here and never closed", token.at)
    # A text may be a secret: findings don't repeat it.
    what = "a text" if token.kind == "text" else f"'{token.text[:20]}'"
    return syntax_error(f"{what} is not allowed here", token.at, _AS_TEXT)


def syntax_error(message: str, at: int, hint: str | None = None) -> ExpressionError:
    """Make the error for what Go's templates don't allow."""
    return ExpressionError(message, hint=hint, code="expressions/syntax", at=at)

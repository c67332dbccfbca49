"""Pieces to a template: Go's `text/template` without what only charts need (`define`, `block`, `template`)."""

from collections.abc import Sequence

from ks_universal.values.expressions.errors import ExpressionError
from ks_universal.values.expressions.lexer import Action, Piece
from ks_universal.values.expressions.pipelines import (
    BRANCHES,
    CHART_ONLY,
    MAX_DEPTH,
    PipelineParser,
    Tokens,
    syntax_error,
)
from ks_universal.values.expressions.syntax import Block, Branch, Jump, Output, Part, Pipeline, Text


def parse_template(pieces: Sequence[Piece]) -> Block:
    """Parse a whole text. Raises ExpressionError with its offset."""
    return _TemplateParser(pieces).parse()


class _TemplateParser:
    """Nests blocks; `scope` holds the variables that are declared so far, one set for each open block."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = pieces
        self._next = 0
        self._scope: list[set[str]] = [{"$"}]
        self._loops = 0

    def parse(self) -> Block:
        block, stop = self._parse_block()
        if stop is not None:
            raise syntax_error(f"there is no block for this '{stop[0]}'", stop[2])
        return block

    def _parse_block(self) -> tuple[Block, tuple[str, Tokens, int] | None]:
        """Parse up to `end`, `else` or the end of the text; give what was found there."""
        parts: list[Part] = []
        while self._next < len(self._pieces):
            piece = self._pieces[self._next]
            self._next += 1
            if isinstance(piece, str):
                parts.append(Text(piece))
                continue
            stop = self._parse_action(piece, parts)
            if stop is not None:
                return tuple(parts), (stop[0], stop[1], piece.at)
        return tuple(parts), None

    def _parse_action(self, action: Action, parts: list[Part]) -> tuple[str, Tokens] | None:
        if action.comment:
            return None
        if not action.closed:
            raise syntax_error("this '{{' is never closed", action.at, "write '}}' at its end")
        tokens = Tokens(action)
        keyword = tokens.peek_keyword()
        if keyword is None:
            parts.append(Output(self._parse_pipeline(tokens)))
            return None
        at = tokens.take().at
        if keyword in ("end", "else"):
            return keyword, tokens
        parts.append(self._parse_keyword(keyword, tokens, at))
        return None

    def _parse_keyword(self, keyword: str, tokens: Tokens, at: int) -> Part:
        if keyword in CHART_ONLY:
            hint = "write the text here, or compute it with the functions"
            raise ExpressionError(
                f"'{keyword}' needs the templates of a chart", hint=hint, code="expressions/refused", at=at
            )
        if keyword in BRANCHES:
            return self._parse_branch(keyword, tokens, at)
        tokens.expect_end()
        if not self._loops:
            raise syntax_error(f"'{keyword}' is used outside of 'range'", at)
        return Jump(keyword)

    def _parse_branch(self, keyword: str, tokens: Tokens, at: int) -> Branch:
        if len(self._scope) > MAX_DEPTH:
            raise syntax_error("blocks are nested too deep", at)
        self._scope.append(set())
        pipeline = self._parse_pipeline(tokens, most_variables=2 if keyword == "range" else 1)
        self._loops += keyword == "range"
        body, stop = self._parse_inner_block()
        self._loops -= keyword == "range"
        otherwise: Block = ()
        if stop is not None and stop[0] == "else":
            otherwise, stop = self._parse_else(stop[1], keyword)
        if stop is None:
            raise syntax_error(f"this '{keyword}' has no end", at, "write '{{ end }}' behind it")
        if stop[0] == "else":
            raise syntax_error("this is a second 'else'", stop[2])
        stop[1].expect_end()
        self._scope.pop()
        return Branch(keyword, pipeline, body, otherwise, at)

    def _parse_else(self, tokens: Tokens, keyword: str) -> tuple[Block, tuple[str, Tokens, int] | None]:
        """Parse behind `else`: a block, or, as in `else if`, a branch that shares our `end`."""
        chained = tokens.peek_keyword()
        if chained is None:
            tokens.expect_end()
            return self._parse_inner_block()
        at = tokens.take().at
        if chained != keyword or chained == "range":
            raise syntax_error(f"'else {chained}' is not allowed here", at)
        branch = self._parse_branch(chained, tokens, at)
        return (branch,), ("end", Tokens(Action((), at)), at)

    def _parse_inner_block(self) -> tuple[Block, tuple[str, Tokens, int] | None]:
        self._scope.append(set())
        result = self._parse_block()
        self._scope.pop()
        return result

    def _parse_pipeline(self, tokens: Tokens, *, most_variables: int = 1) -> Pipeline:
        pipeline = PipelineParser(tokens, self._scope).parse(most_variables=most_variables)
        if pipeline.declares:
            self._scope[-1].update(pipeline.variables)
        return pipeline

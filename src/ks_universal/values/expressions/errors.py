"""Why an expression has no value: raised inside this package, and turned into a finding at its edge."""


class ExpressionError(Exception):
    """`message` is a sentence without the values' characters; `at` the offset in the text, None where not yet known."""

    def __init__(
        self, message: str, *, hint: str | None = None, code: str = "expressions/failed", at: int | None = None
    ) -> None:
        """Keep what the finding will say; `code` is that of the finding."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code
        self.at = at

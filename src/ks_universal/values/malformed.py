"""What is wrong with an expression of the command line, while it is read."""


class MalformedError(Exception):
    """An expression does not follow the syntax; `column` counts from 0. Ends as a finding in `parse_override`."""

    def __init__(self, column: int, message: str, hint: str | None = None) -> None:
        super().__init__(column, message)
        self.column = column
        self.message = message
        self.hint = hint

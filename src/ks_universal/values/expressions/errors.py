"""Why an expression has no value: raised inside this package, and turned into a finding at its edge."""

from collections.abc import Iterable

_MAX_CANDIDATES = 500


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


def suggest(name: str, known: Iterable[str]) -> str | None:
    """Make the hint for a name that is not among the known ones; None if none is near and there are many."""
    import difflib

    candidates = [text for _, text in zip(range(_MAX_CANDIDATES), known, strict=False)]
    folded = {candidate.casefold(): candidate for candidate in candidates}
    near = folded.get(name.casefold()) or next(iter(difflib.get_close_matches(name[:100], candidates, n=1)), None)
    if near is not None:
        return f"did you mean '{near}'?"
    return f"there is {', '.join(candidates)}" if 0 < len(candidates) <= 8 else None

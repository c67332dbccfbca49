from pathlib import Path

from ks_universal.values.expressions.functions import FUNCTIONS, GROUPS, LAZY
from ks_universal.values.expressions.functions.refused import REFUSED

_PAGE = (Path(__file__).parents[4] / "docs/expressions.md").read_text()


def _list_functions() -> str:
    written = {name for group in GROUPS.values() for name in group}
    spellings = [name for name in FUNCTIONS if name not in written and not name.startswith("must")]
    groups = {**GROUPS, "Logic, and texts that are evaluated again": LAZY, "Other spellings": spellings}
    return "\n".join(
        f"- {title}: {', '.join(f'`{name}`' for name in sorted(names))}" for title, names in groups.items()
    )


def _list_refused() -> str:
    reasons: dict[str, list[str]] = {}
    for name, (reason, advice) in REFUSED.items():
        reasons.setdefault(f"{reason}; {advice}", []).append(name)
    return "\n".join(f"| {', '.join(f'`{n}`' for n in names)} | {reason} |" for reason, names in reasons.items())


def test_the_page_lists_the_functions() -> None:
    assert f"\n{_list_functions()}\n" in _PAGE


def test_the_page_lists_what_is_refused() -> None:
    assert f"\n{_list_refused()}\n" in _PAGE

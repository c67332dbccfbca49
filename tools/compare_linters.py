"""Writes the comparison in docs/rehearsing.md: python tools/compare_linters.py [EUGENE].

The migrations are those of tests/rehearsal/migrations.yaml, with the verdicts that must and must not come: tests hold
that a rehearsal says exactly that. Linters read the same SQL; what a rule warns of is what `SHOWN_BY` says of it.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import yaml

from ks_universal.rehearsal.squawk import SHOWN_BY, find_squawk

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "rehearsing.md"
BEGIN, END = "<!-- compare_linters.py: from here on -->\n", "<!-- compare_linters.py: up to here -->\n"
LOCKS = ("blocks-reads", "blocks-writes")
EUGENE: dict[str, tuple[str, ...]] = {
    "E1": (*LOCKS, "scans-table"),
    "E2": (*LOCKS, "scans-table"),
    "E4": ("holds-lock",),
    "E5": (*LOCKS, "rewrites-table"),
    "E6": LOCKS,
    "E7": LOCKS,
    "E8": LOCKS,
    "E9": ("exclusive-without-lock-timeout",),
    "E10": (*LOCKS, "rewrites-table"),
    "E11": (*LOCKS, "rewrites-table"),
}
"""By which verdicts a run shows what a rule of eugene warns of."""
_OF_CLIENTS = ("ban-drop-", "renaming-")
_OF_TIMEOUTS = ("require-lock-timeout", "E9")
Rules = Mapping[str, tuple[str, ...]]
Read = Callable[[str], set[str]]


def read_with_squawk(sql: str) -> set[str]:
    """Give the names of the rules that squawk has something to say by."""
    words = [find_squawk() or "squawk", "--reporter", "json", "--pg-version", "18"]
    done = subprocess.run(words, input=sql, capture_output=True, text=True, check=False)
    return {said["rule_name"] for said in json.loads(done.stdout)}


def read_with_eugene(program: str) -> Read:
    """Give what reads SQL with eugene's rules."""

    def read(sql: str) -> set[str]:
        words = [program, "lint", "--format", "json", "-"]
        done = subprocess.run(words, input=sql, capture_output=True, text=True, check=False)
        lints = json.loads(done.stdout)
        return {rule["id"] for each in lints["statements"] for rule in each["triggered_rules"]}

    return read


def compare(case: Mapping[str, list[str]], said: set[str], rules: Rules) -> tuple[list[str], list[str], list[str]]:
    """Give the verdicts that a linter's rules stand for, those that it misses, and the rules that are wrong here."""
    shown = {code for rule in said for code in rules.get(rule, ())}
    wrong = [rule for rule in sorted(said) if _is_wrong(rule, rules.get(rule, ()), case)]
    found = [code for code in case["must"] if code in shown]
    return found, [code for code in case["must"] if code not in shown], wrong


def _is_wrong(rule: str, codes: tuple[str, ...], case: Mapping[str, list[str]]) -> bool:
    """Tell whether a rule warns of what must not be said here, and of nothing that must be."""
    if rule.startswith(_OF_CLIENTS):  # these migrations are not tried with the queries of a version before
        return False
    right = (*codes, *LOCKS) if rule in _OF_TIMEOUTS else codes  # of a lock that is held for long, too
    return not set(right).intersection(case["must"]) and bool(set(codes).intersection(case["must-not"]))


def write_table(cases: Mapping[str, Mapping[str, list[str]]], name: str, read: Read, rules: Rules) -> str:
    """Write what a linter finds, misses and calls wrongly, of each migration."""
    rows, found_in_all, must_in_all, wrong_in_all = [], 0, 0, 0
    for title, case in cases.items():
        found, missed, wrong = compare(case, read(str(case["sql"])), rules)
        found_in_all += len(found)
        must_in_all += len(case["must"])
        wrong_in_all += len(wrong)
        rows.append(f"| {title} | {_list(case['must'])} | {_list(missed) or '-'} | {_list(wrong) or '-'} |")
    head = f"| migration | what it does, as a rehearsal finds | {name} misses | {name} says wrongly |"
    count = (
        f"{name} tells of {found_in_all} of the {must_in_all} facts, and {wrong_in_all} of its findings are about what "
        "does not happen."
    )
    return "\n".join((count, "", head, "| --- | --- | --- | --- |", *rows))


def _list(codes: Iterable[str]) -> str:
    return ", ".join(f"`{code}`" for code in codes)


def main() -> None:
    """Write the page."""
    cases = yaml.safe_load((ROOT / "tests" / "rehearsal" / "migrations.yaml").read_text())
    tables = [write_table(cases, "squawk", read_with_squawk, SHOWN_BY)]
    if sys.argv[1:]:
        tables.append(write_table(cases, "eugene", read_with_eugene(sys.argv[1]), EUGENE))
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{chr(10).join(tables)}\n\n{END}{after}")


if __name__ == "__main__":
    main()

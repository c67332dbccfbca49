"""The HTML page of a rehearsal, made of facts, without a server."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import msgspec

from ks_universal import RehearsalReport, VerdictSeverity, write_rehearsal_page
from ks_universal.html_page import escape, make_scale
from ks_universal.rehearsal.facts import (
    CommandResult,
    ObservedLock,
    ObservedStatement,
    RehearsalRun,
    SqlError,
    StatementPart,
)
from ks_universal.rehearsal.verdicts import RehearsalVerdict

EVIL = """</code></pre></title><script>alert(1)</script>"'><img src=x onerror=alert(2)> \u202e"""
HARMLESS = {
    "id",
    "class",
    "href",
    "x",
    "y",
    "width",
    "height",
    "role",
    "aria-hidden",
    "lang",
    "charset",
    "name",
    "content",
}


class Reader(HTMLParser):
    """Reads what a browser would do with a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: dict[str, set[str]] = {}
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def make_report(count: int = 3) -> RehearsalReport:
    """Make a report in which every text that comes from elsewhere is hostile."""
    part = StatementPart(text=EVIL, operation=EVIL, rows=5, wal_bytes=200_000, tables=(EVIL,), scanned={EVIL: 5})
    statements = tuple(
        ObservedStatement(
            number=number,
            process=7,
            transaction="2/4",
            text=f"{EVIL} {number}",
            began_s=float(number),
            duration_ms=900.0,
            parts=(part,),
            error=SqlError(code=EVIL, message=EVIL) if number == 2 else None,
        )
        for number in range(1, count + 1)
    )
    lock = ObservedLock(
        table=EVIL, index=EVIL, mode="AccessExclusiveLock", statement=1, transaction="2/4", began_s=1.0, held_ms=900.0
    )
    verdicts = [
        RehearsalVerdict(
            code=code,
            severity=VerdictSeverity.ERROR,
            table=EVIL,
            message=EVIL,
            advice=EVIL,
            statement=statements[0].text,
            facts={"command": EVIL},
        )
        for code in ("blocks-reads", "blocks-writes")
    ]
    return RehearsalReport(
        verdicts=tuple(verdicts),
        statements=statements,
        locks=(lock,),
        schema=(f"-{EVIL}", f"+{EVIL}"),
        runs=(RehearsalRun(name=EVIL, result=CommandResult(command=EVIL, status=1, duration_s=1.0, output=EVIL)),),
        rows={EVIL: 5},
        unfilled={EVIL: EVIL},
        server=EVIL,
    )


def test_nothing_that_is_reported_can_run_or_load_anything() -> None:
    page = write_rehearsal_page(make_report())
    reader = Reader()
    reader.feed(page)
    assert not reader.tags.intersection(("script", "img", "link", "iframe", "object", "base", "form"))
    assert reader.attributes.keys() <= HARMLESS | {"http-equiv"}
    assert all(re.fullmatch(r"#statement-\d+", target) for target in reader.attributes["href"])
    assert "url(" not in page
    assert "\u202e" not in page
    assert EVIL.replace("\u202e", r"\u202e") in reader.text
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = (each for each in reader.attributes["content"] if "default-src" in each)
    assert f"default-src 'none'; style-src 'sha256-{digest}';" in policy


def test_both_locks_of_a_table_are_one_verdict_that_leads_to_its_statement() -> None:
    page = write_rehearsal_page(make_report())
    assert page.count('class="card error"') == 1
    assert "blocks-reads, blocks-writes" in page
    assert 'href="#statement-1"' in page
    assert page.count('id="statement-1"') == 1


def test_short_statements_are_folded_and_the_others_not() -> None:
    report = make_report(1000)
    page = write_rehearsal_page(report)
    assert "998 more, each short" in page  # the first is named by a verdict, the second has failed
    assert page.count('class="row dim"') == 1
    assert page.count("<details id=") == 1000


def test_an_axis_has_round_numbers_and_holds_all() -> None:
    scale = make_scale(10.0, 11.7)
    assert scale.step_s == 0.4
    assert [scale.place(at) for at in (9.0, 10.0, 11.0, 12.0, 99.0)] == [0, 0, 50, 100, 100]
    assert make_scale(1.0, 1.0).step_s > 0


def test_what_cannot_be_seen_is_written_out() -> None:
    assert escape("a\u202eb\x00<") == "a\\u202eb\\u0000&lt;"


def test_the_strongest_lock_of_a_statement_is_seen() -> None:
    report = make_report()
    weaker = msgspec.structs.replace(report.locks[0], mode="ShareLock", index=None)
    page = write_rehearsal_page(msgspec.structs.replace(report, locks=(report.locks[0], weaker)))
    drawn = re.findall(r'class="(reads|writes)"', page.partition("Statements</h2>")[2].partition('id="statement-1"')[2])
    assert drawn == ["writes", "reads"]

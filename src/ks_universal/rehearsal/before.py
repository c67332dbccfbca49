"""The state before a migration: its base, and rows that a file puts there; what a server of production has besides.

Roles and extensions are no part of a base that others wrote (`pg_dump --schema-only`), and are named in it.
"""

import asyncio
import re
import shlex
import tarfile
from collections.abc import Iterable
from pathlib import Path

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.errors import InputError
from ks_universal.rehearsal.bench import Bench
from ks_universal.rehearsal.command import Command, link_folders, read_command
from ks_universal.rehearsal.facts import CommandResult, SqlError
from ks_universal.rehearsal.server import APPLICATION, RehearsalServer, Server
from ks_universal.rehearsal.server_log import mark_log, read_statements

GIT = "git:"
_MISSING_ROLE = re.compile(r'role "(.+)" does not exist').search
_MISSING_EXTENSION = re.compile(r'extension "(.+)" is not available|extension control file ".*/(.+)\.control"').search


class LackingError(Exception):
    """The server lacks a role or an extension that a command names; one like `wanted` has it."""

    def __init__(self, message: str, wanted: RehearsalServer) -> None:
        super().__init__(message)
        self.wanted = wanted


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended, whether it was seen in the rehearsal's database, and what the server refused it."""

    result: CommandResult
    has_connected: bool
    errors: tuple[SqlError, ...]


async def run_seen(bench: Bench, command: Command) -> Seen:
    """Run a command, and look into the server's log for what it did."""
    begin = mark_log(bench.server)
    result = await bench.run(command)
    end = mark_log(bench.server)
    statements = read_statements(bench.server.log, begin, end, names={}, database=APPLICATION)
    errors = tuple(each.error for each in statements if each.error)
    return Seen(result=result, has_connected=bool(statements), errors=errors)


async def make_base(bench: Bench, base: str | Command, migrate: Command, source: Path) -> None:
    """Make the state before.

    `migrate` makes it in the files of a git reference (`git:v1`) of the `source`. Raises InputError, LackingError.
    """
    name = base if isinstance(base, str) else base.shown
    if isinstance(base, Command):
        at, command = bench, base
    elif base.startswith(GIT):
        reference = base.removeprefix(GIT)
        tree = await _export(source, reference, bench.server.folder / "reference")
        at, command = msgspec.structs.replace(bench, tree=tree), migrate
    else:
        is_file = "\n" not in base and (bench.tree / base).is_file()
        at, command = bench, read_sql(base) if is_file else read_command(base)
    seen = await run_seen(at, command)
    if not seen.result.is_success:
        find_lack(bench.server, seen.errors)
        message = f"the state before could not be made: {name} ended with {seen.result.status}\n{seen.result.output}"
        hint = "see --base: an SQL file, a command, or git:REFERENCE"
        raise InputError([Problem("rehearsal/base", message, hint=find_advice(bench.server, seen.errors) or hint)])
    if not seen.has_connected:
        raise InputError([tell_not_connected(bench.server, msgspec.structs.replace(seen.result, command=name))])


async def add_rows(bench: Bench, seed: str) -> None:
    """Run an SQL file on the state before. Raises InputError with the line of what is wrong."""
    if not (bench.tree / seed).is_file():
        raise InputError([Problem("rehearsal/seed", f"there is no file {seed}", hint="see --seed: an SQL file")])
    seen = await run_seen(bench, read_sql(seed))
    if not seen.result.is_success:
        find_lack(bench.server, seen.errors)
        _, psql, error = seen.result.output.partition("psql:")  # after what queries have given
        message = f"{seed} cannot be run on the state before: {psql}{error or seen.result.output}"
        hint = (
            find_advice(bench.server, seen.errors)
            or "it runs on the tables that --base has made, before the rows of the rehearsal"
        )
        raise InputError([Problem("rehearsal/seed", message, hint=hint)])


def read_sql(path: str) -> Command:
    """Give the command that runs an SQL file, up to its first error."""
    return read_command(f"psql --no-psqlrc -q -v ON_ERROR_STOP=1 -f {shlex.quote(path)}")


def find_lack(server: Server, errors: Iterable[SqlError]) -> None:
    """Raise LackingError for the first thing that was refused and that another server can have."""
    wanted = server.wanted
    for error in errors:
        role = _MISSING_ROLE(error.message) if error.code == "42704" else None
        if role and role[1] not in wanted.roles:
            message = f"once more with the role {role[1]}, which production is to have: {error.message}"
            roles = (*(wanted.roles or (server.role,)), role[1])
            raise LackingError(message, msgspec.structs.replace(wanted, roles=roles))
        if _MISSING_EXTENSION(error.message) and wanted.programs is None and not wanted.is_whole:
            message = f"once more with a PostgreSQL that has more extensions: {error.message}"
            raise LackingError(message, msgspec.structs.replace(wanted, is_whole=True))


def find_advice(server: Server, errors: tuple[SqlError, ...]) -> str | None:
    """Say what to do where a command fails for want of rights, of an extension, or of a network."""
    if found := next((each for each in errors if _MISSING_EXTENSION(each.message)), None):
        return f"an installation of PostgreSQL that has it can be used: --pg-bin; {found.message}"
    if any(each.code == "42501" for each in errors):
        return (
            "the owner of a database may not do that: have an administrator do it before the migration,"
            " or rehearse with --superuser where production migrates as one"
        )
    if server.is_isolated and not errors:
        return "it had no network but the rehearsal's database; where it needs more: --no-isolate"
    return None


def tell_not_connected(server: Server, result: CommandResult) -> Problem:
    """Say that a command was not seen in the rehearsal's database."""
    message = f"{result.command} never connected to the rehearsal's database (exit status {result.status})"
    if result.output:
        message += f"; it said: {result.output}"
    reached = "it could reach no other over a network" if server.is_isolated else "it may have used another database"
    hint = (
        f"{reached}; it must take the address from DATABASE_URL, PGHOST ..., DB_HOST ..., or from"
        " {url}, {jdbc_url}, {host}, {port}, {db}, {user}, {password} in the command"
    )
    return Problem("rehearsal/not-connected", message, hint=hint)


async def _export(source: Path, reference: str, to: Path) -> Path:
    """Write the files of this folder at a git reference into another. Raises InputError."""
    to.mkdir()
    archive = to.with_suffix(".tar")
    if reference.startswith("-"):  # an option of git's
        raise InputError([_no_reference(reference, "it begins with '-'")])
    words = ("git", "archive", "--format=tar", f"--output={archive}", reference)
    try:
        process = await asyncio.create_subprocess_exec(
            *words, cwd=source, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
    except FileNotFoundError:
        raise InputError([_no_reference(reference, "there is no git on this machine")]) from None
    _, errors = await process.communicate()
    if process.returncode != 0:
        raise InputError([_no_reference(reference, " ".join(errors.decode(errors="replace").split()))])
    with tarfile.open(archive) as tar:
        tar.extraction_filter = getattr(tarfile, "fully_trusted_filter", None)  # not in the first releases of 3.11
        tar.extractall(to)  # noqa: S202 - git has written it
    archive.unlink()
    link_folders(source, to)
    return to


def _no_reference(reference: str, why: str) -> Problem:
    hint = "see --base git:REFERENCE: a branch, a tag or a commit of the repository of this folder"
    return Problem("rehearsal/base", f"the files at {reference} cannot be read: {why}", hint=hint)

"""What all runs of a rehearsal use: the server, a copy of the tree, a database that can be made as before."""

import asyncio
import time
from pathlib import Path

import msgspec

from ks_universal.rehearsal.command import Command, run_command
from ks_universal.rehearsal.facts import CommandResult
from ks_universal.rehearsal.instruments import EVENTS, OBSERVER, SCHEMA
from ks_universal.rehearsal.server import APPLICATION, BASE, Server, quote_name

_CONNECTED = f"""
SELECT FROM pg_stat_activity
WHERE datname = '{APPLICATION}' AND usename <> '{OBSERVER}' AND backend_type = 'client backend'
"""
_TRIGGERS = f"SELECT FROM pg_event_trigger WHERE evtname LIKE '{SCHEMA}%' AND evtenabled = 'A'"
# They are no part of a database: what the one run has made, the next would find.
_DROP_NEW_ROLES = """
DO $$ DECLARE role name; BEGIN
  FOR role IN SELECT rolname FROM pg_roles WHERE rolname NOT IN (TABLE roles) LOOP
    BEGIN
      EXECUTE format('DROP ROLE %I', role);
    EXCEPTION WHEN dependent_objects_still_exist THEN NULL;
    END;
  END LOOP;
END $$
"""


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """The server, the folder that commands run in, and how long one may take."""

    server: Server
    tree: Path
    timeout_s: float

    async def run(self, command: Command) -> CommandResult:
        """Run a command against the application's database; one that takes too long is killed, with status 124."""
        return await run_command(command, self.server, self.tree, timeout_s=self.timeout_s)

    async def keep_base(self, name: str = BASE) -> None:
        """Keep the database as it is now, for `restore_base`."""
        await self.execute(
            f"DROP DATABASE IF EXISTS {name}",
            f"CREATE DATABASE {name} TEMPLATE {APPLICATION}{self._strategy}",
            "DROP TABLE IF EXISTS roles",
            "CREATE TABLE roles AS SELECT rolname FROM pg_roles",
        )

    @property
    def _strategy(self) -> str:
        """How a database is copied: fast, which is the only way before PostgreSQL 15."""
        return " STRATEGY FILE_COPY" if self.server.major >= 15 else ""

    async def settle(self) -> None:
        """Have all rows written as they will stay: else what a migration writes has what is not its own."""
        await self.execute("VACUUM (FREEZE, ANALYZE)", "CHECKPOINT", database=APPLICATION)

    async def restore_base(self, name: str = BASE) -> None:
        """Make the application's database anew, as it was kept; whoever is connected is not any more."""
        await self.execute(
            f"DROP DATABASE IF EXISTS {APPLICATION} WITH (FORCE)",
            f"CREATE DATABASE {APPLICATION} TEMPLATE {name} OWNER {quote_name(self.server.role)}{self._strategy}",
            _DROP_NEW_ROLES,
        )

    async def make_empty(self) -> None:
        """Make the application's database anew, with nothing in it."""
        await self.execute(
            f"DROP DATABASE IF EXISTS {APPLICATION} WITH (FORCE)",
            f"CREATE DATABASE {APPLICATION} OWNER {quote_name(self.server.role)}",
        )

    async def await_quiet(self, within_s: float = 30.0) -> None:
        """Wait until no command is connected any more; sessions whose client is gone for so long are ended."""
        import psycopg

        deadline_s = time.monotonic() + within_s
        async with await psycopg.AsyncConnection.connect(self.server.conninfo("postgres"), autocommit=True) as link:
            while (await link.execute(_CONNECTED.encode())).rowcount:
                if time.monotonic() > deadline_s:
                    await link.execute(_CONNECTED.replace("SELECT", "SELECT pg_terminate_backend(pid)").encode())
                await asyncio.sleep(0.02)

    async def is_observed(self) -> bool:
        """Tell whether what observes the application's database is still there: a superuser can switch it off."""
        import psycopg

        async with await psycopg.AsyncConnection.connect(self.server.conninfo(APPLICATION), autocommit=True) as link:
            return (await link.execute(_TRIGGERS.encode())).rowcount == len(EVENTS)

    async def execute(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as the superuser, each in a transaction of its own. Raises psycopg.Error."""
        import psycopg

        async with await psycopg.AsyncConnection.connect(self.server.conninfo(database), autocommit=True) as link:
            for statement in statements:
                await link.execute(statement.encode())

"""What is said to the embedded server over a connection; psycopg is imported only when one is made."""

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.errors import TargetError
from ks_universal.model.format.local import LocalPostgres
from ks_universal.targets.local.ports import LOOPBACK

SUPERUSER = "ks_universal"
"""Not `postgres`: a user may want that name for the application, and its password is the values' then."""


PORT = 5432
"""PostgreSQL's own."""


class ServerAddress(msgspec.Struct, frozen=True):
    """Where the server is, the superuser's password, and the data folder that it should serve."""

    host: str
    port: int
    password: str
    data: str

    def __repr__(self) -> str:
        return f"ServerAddress({self.host}:{self.port}, {self.data})"

    def conninfo(self) -> str:
        """Return how the superuser connects."""
        words = f"host={self.host} port={self.port} user={SUPERUSER} password={self.password} dbname=postgres"
        return words + " connect_timeout=5"


def name_facts(port: int, user: str, password: str, database: str, *, host: str = LOOPBACK) -> dict[str, str]:
    """Name what `local.env` may refer to: where a server of this machine is, and as whom to enter."""
    return {
        "LOCAL_POSTGRES_HOST": host,
        "LOCAL_POSTGRES_PORT": str(port),
        "LOCAL_POSTGRES_USER": user,
        "LOCAL_POSTGRES_PASSWORD": password,
        "LOCAL_POSTGRES_DATABASE": database,
        "LOCAL_POSTGRES_URL": f"postgresql://{user}:{password}@{host}:{port}/{database}",
    }


async def is_same_server(address: ServerAddress) -> bool:
    """Tell whether the server at the address lets us in and serves our data folder."""
    import psycopg

    try:
        async with await psycopg.AsyncConnection.connect(address.conninfo()) as connection:
            row = await (await connection.execute("SHOW data_directory")).fetchone()
            return row is not None and row[0] == address.data
    except psycopg.OperationalError:
        return False


async def create_database(address: ServerAddress, settings: LocalPostgres) -> None:
    """Make the user and the database as wanted; what is there stays, with the wanted password and owner.

    Raises TargetError when the server refuses (a reserved name).
    """
    import psycopg

    try:
        await _create(address, settings)
    except psycopg.Error as refusal:
        message = f"the embedded PostgreSQL refused the user or the database: {refusal}".strip()
        raise TargetError(Problem("local/postgres", message, hint="see local.postgres")) from refusal


async def _create(address: ServerAddress, settings: LocalPostgres) -> None:
    import psycopg
    from psycopg.sql import SQL, Identifier, Literal

    user, database = Identifier(settings.user), Identifier(settings.database)
    async with await psycopg.AsyncConnection.connect(address.conninfo(), autocommit=True) as connection:
        roles = await connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [settings.user])
        verb = SQL("ALTER ROLE" if roles.rowcount else "CREATE ROLE")
        await connection.execute(SQL("{} {} LOGIN PASSWORD {}").format(verb, user, Literal(settings.password)))
        databases = await connection.execute("SELECT FROM pg_database WHERE datname = %s", [settings.database])
        if not databases.rowcount:
            await connection.execute(SQL("CREATE DATABASE {}").format(database))
        await connection.execute(SQL("ALTER DATABASE {} OWNER TO {}").format(database, user))

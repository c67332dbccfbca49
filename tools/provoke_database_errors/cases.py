"""What goes wrong: for each case the statements of a migration, and the world that makes it fail."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import msgspec
from server import Server, free_port

World = Callable[[Server], AbstractContextManager[dict[str, str]]]
"""Makes the surroundings; yields what to change in the connection (`host`, `port`, `user`, `dbname`, ...)."""

SHOP = (
    "CREATE TABLE categories (id integer PRIMARY KEY, name text)",
    "CREATE TABLE products (id integer PRIMARY KEY, name text, price integer, category integer)",
    "INSERT INTO products VALUES (1, 'tea', 3, 7), (2, NULL, -4, 8), (3, 'tea', 5, NULL)",
)


@contextmanager
def as_it_is(_server: Server) -> Iterator[dict[str, str]]:
    """Change nothing."""
    yield {}


def connecting(**changes: str) -> World:
    """Connect with other parameters."""

    @contextmanager
    def world(_server: Server) -> Iterator[dict[str, str]]:
        yield changes

    return world


def having_run(*statements: str) -> World:
    """Run statements as superuser before, and undo nothing: the next case gets a new database."""

    @contextmanager
    def world(server: Server) -> Iterator[dict[str, str]]:
        with server.connect() as superuser:
            for statement in statements:
                superuser.execute(statement)
        yield {}

    return world


@contextmanager
def nobody_listening(_server: Server) -> Iterator[dict[str, str]]:
    """Point to a port on which nothing listens."""
    yield {"port": str(free_port())}


@contextmanager
def silent_server(_server: Server) -> Iterator[dict[str, str]]:
    """Point to a server that takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield {"port": str(listener.getsockname()[1]), "connect_timeout": "2"}


@contextmanager
def all_slots_taken(server: Server) -> Iterator[dict[str, str]]:
    """Use up the connections that ordinary roles may have."""
    with ExitStack() as stack:
        for _ in range(9):  # max_connections - superuser_reserved_connections
            stack.enter_context(server.connect(user="app"))
        yield {}


@contextmanager
def limited_role(server: Server) -> Iterator[dict[str, str]]:
    """Allow the role no connection."""
    with server.connect() as superuser:
        superuser.execute("ALTER ROLE app CONNECTION LIMIT 0")
        yield {}
        superuser.execute("ALTER ROLE app CONNECTION LIMIT -1")


@contextmanager
def table_in_use(server: Server) -> Iterator[dict[str, str]]:
    """Hold a lock on `products` that every ALTER TABLE has to wait for."""
    with server.connect() as superuser:
        superuser.execute(";".join(SHOP))
        superuser.execute("ALTER TABLE products OWNER TO app")
        with superuser.transaction():
            superuser.execute("SELECT * FROM products")
            yield {}


@contextmanager
def rival(server: Server) -> Iterator[dict[str, str]]:
    """Let another session lock `categories` and, as soon as the migration waits for that, `products`."""
    with server.connect() as superuser:
        superuser.execute(";".join(SHOP))
        superuser.execute("ALTER TABLE products OWNER TO app; ALTER TABLE categories OWNER TO app")
        # Who checks first is the victim: the migration, after its second.
        superuser.execute("SET deadlock_timeout = '60s'; BEGIN; LOCK TABLE categories")
        thread = threading.Thread(target=_lock_products_in_turn, args=(server, superuser))
        thread.start()
        yield {}
        thread.join()


def _lock_products_in_turn(server: Server, superuser: object) -> None:
    with server.connect() as observer:
        query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'categories'::regclass"
        end = time.monotonic() + 60  # one that gives each statement a transaction of its own never waits
        while not observer.execute(query).fetchone()[0] and time.monotonic() < end:  # type: ignore[index]
            time.sleep(0.01)
    superuser.execute("LOCK TABLE products; COMMIT")  # type: ignore[attr-defined]


class Case(msgspec.Struct, frozen=True):
    """A migration that fails. `expected` is the code that `diagnose` gives, with a dot for the slash."""

    expected: str
    statements: tuple[str, ...]
    world: World = as_it_is


CONNECTION = (
    Case("database.host-unknown", (), connecting(host="postgresql")),
    Case("database.connection-refused", (), nobody_listening),
    Case("database.connection-timeout", (), silent_server),
    Case("database.authentication-failed", (), connecting(password="wr0ng")),
    Case("database.access-refused", (), connecting(dbname="blocked")),
    Case("database.missing", (), connecting(dbname="nowhere")),
    Case("database.tls-required", (), connecting(dbname="encrypted")),
    Case("database.tls-refused", (), connecting(sslmode="require")),
    Case("database.too-many-connections", (), all_slots_taken),
    Case("database.too-many-connections.role", (), limited_role),
)
STATEMENTS = (
    Case("database.permission-denied", ("ALTER TABLE owned ADD note text",), having_run("CREATE TABLE owned (id int)")),
    Case(
        "database.permission-denied.schema", ("CREATE TABLE private.a (id int)",), having_run("CREATE SCHEMA private")
    ),
    Case("database.lock-timeout", ("SET lock_timeout = '200ms'", "ALTER TABLE products ADD sku text"), table_in_use),
    Case("database.statement-timeout", ("SET statement_timeout = '200ms'", "SELECT pg_sleep(60)")),
    Case("database.deadlock", ("LOCK TABLE products", "ALTER TABLE categories ADD slug text"), rival),
    Case("database.read-only", ("SET transaction_read_only = on", "CREATE TABLE a (id int)")),
    Case("database.connection-lost", ("SELECT pg_terminate_backend(pg_backend_pid())",)),
    Case("database.unique-violation", (*SHOP, "ALTER TABLE products ADD UNIQUE (name)")),
    Case("database.unique-violation.insert", (*SHOP, "INSERT INTO products VALUES (1, 'mate', 4, 7)")),
    Case("database.not-null-violation", (*SHOP, "ALTER TABLE products ALTER name SET NOT NULL")),
    Case("database.not-null-violation.new-column", (*SHOP, "ALTER TABLE products ADD sku text NOT NULL")),
    Case(
        "database.foreign-key-violation",
        (*SHOP, "ALTER TABLE products ADD FOREIGN KEY (category) REFERENCES categories"),
    ),
    Case("database.check-violation", (*SHOP, "ALTER TABLE products ADD CONSTRAINT positive CHECK (price > 0)")),
    Case("database.already-exists", (*SHOP, "CREATE TABLE products (id integer)")),
    Case("database.already-exists.column", (*SHOP, "ALTER TABLE products ADD price integer")),
    Case("database.does-not-exist", ("ALTER TABLE orders ADD total integer",)),
    Case("database.does-not-exist.column", (*SHOP, "ALTER TABLE products DROP sku")),
    Case("database.dependent-objects", (*SHOP, "CREATE VIEW cheap AS SELECT * FROM products", "DROP TABLE products")),
    Case("database.extension-missing", ("CREATE EXTENSION postgis",)),
    Case("database.in-transaction", (*SHOP, "CREATE INDEX CONCURRENTLY by_name ON products (name)")),
    Case("database.invalid-value", (*SHOP, "ALTER TABLE products ALTER name TYPE integer USING name::integer")),
    Case("database.syntax-error", ("CREATE TABEL orders (id integer)",)),
)
CASES = (*CONNECTION, *STATEMENTS)

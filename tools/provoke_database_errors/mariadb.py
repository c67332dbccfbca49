"""A throwaway MariaDB of the machine's `mariadb-server` package, and what goes wrong on it."""

import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import msgspec
import pymysql
from cases import as_it_is, connecting, nobody_listening, silent_server
from server import free_port

SETTINGS = (
    "--bind-address=127.0.0.1",
    "--max-connections=10",
    "--innodb-buffer-pool-size=16M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-lock-wait-timeout=1",
    "--lock-wait-timeout=1",
    "--skip-name-resolve",
    "--skip-ssl",
)
PREPARATION = (
    "CREATE USER root@'127.0.0.1' IDENTIFIED BY 'pa55word'",
    "GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION",
    "CREATE USER app@'127.0.0.1' IDENTIFIED BY 'pa55word'",
    "GRANT ALL ON app.* TO app@'127.0.0.1'",
    "GRANT ALL ON nowhere.* TO app@'127.0.0.1'",
    "CREATE USER encrypted@'127.0.0.1' IDENTIFIED BY 'pa55word' REQUIRE SSL",
    "CREATE USER elsewhere@'10.0.0.9' IDENTIFIED BY 'pa55word'",
    "CREATE DATABASE others",
    "CREATE USER narrow@'127.0.0.1' IDENTIFIED BY 'pa55word' WITH MAX_USER_CONNECTIONS 1",
    "GRANT ALL ON app.* TO narrow@'127.0.0.1'",
    "CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'pa55word'",
    "GRANT SELECT ON app.* TO reader@'127.0.0.1'",
)


class MariaServer(msgspec.Struct, frozen=True):
    """A running server: `app` (password `pa55word`) is the application's user, `root` the administrator."""

    data: Path
    port: int

    def connect(self, *, database: str | None = "app", user: str = "root") -> "pymysql.Connection":
        """Connect with autocommit."""
        return pymysql.connect(
            host="127.0.0.1", port=self.port, database=database, user=user, password="pa55word", autocommit=True
        )

    def execute(self, *statements: str, database: str | None = "app") -> None:
        """Run statements as administrator."""
        with self.connect(database=database) as session, session.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def reset(self) -> None:
        """Give the application an empty database; ends all connections to the old one."""
        with self.connect(database=None) as session, session.cursor() as cursor:
            cursor.execute("SELECT id FROM information_schema.processlist WHERE user = 'app'")
            for (number,) in cursor.fetchall():
                cursor.execute(f"KILL {number}")
            cursor.execute("SET GLOBAL read_only = 0")
            cursor.execute("DROP DATABASE IF EXISTS app")
            cursor.execute("CREATE DATABASE app")


@contextmanager
def running_mariadb() -> Iterator[MariaServer]:
    """Start a server, and remove it with its data at the end."""
    data = Path(tempfile.mkdtemp(prefix="provoke-"))
    port = free_port()
    subprocess.run(
        ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--user=root", "--skip-test-db"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (data / "init.sql").write_text("".join(f"{statement};\n" for statement in PREPARATION))
    command = ["mariadbd", "--no-defaults", "--user=root", f"--datadir={data}", f"--port={port}", *SETTINGS]
    command += [f"--socket={data}/socket", f"--init-file={data}/init.sql"]
    with (data / "log").open("w") as log, subprocess.Popen(command, stderr=log, stdout=log) as process:
        try:
            server = MariaServer(data, port)
            _wait_until_ready(server, process)
            yield server
        finally:
            process.kill()
            process.wait()
            shutil.rmtree(data)


def _wait_until_ready(server: MariaServer, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < end:
        try:
            server.connect(database="others").close()
        except pymysql.err.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError((server.data / "log").read_text())


World = Callable[[MariaServer], AbstractContextManager[dict[str, str]]]
SHOP = (
    "CREATE TABLE categories (id integer PRIMARY KEY, name varchar(40))",
    "CREATE TABLE products (id integer PRIMARY KEY, name varchar(40), price integer, category integer)",
    "INSERT INTO products VALUES (1, 'tea', 3, 7), (2, NULL, -4, 8), (3, 'tea', 5, NULL)",
)


class MariaCase(msgspec.Struct, frozen=True):
    """A migration that fails. `expected` is the code that `diagnose` gives, with a dot for the slash."""

    expected: str
    statements: tuple[str, ...]
    world: World = as_it_is  # type: ignore[assignment]


@contextmanager
def all_slots_taken(server: MariaServer) -> Iterator[dict[str, str]]:
    """Use up the connections."""
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(server.connect(user="app"))
        yield {}


@contextmanager
def limited_user(server: MariaServer) -> Iterator[dict[str, str]]:
    """Use up the connections of one user."""
    with server.connect(user="narrow"):
        yield {"user": "narrow"}


@contextmanager
def read_only(server: MariaServer) -> Iterator[dict[str, str]]:
    """Have the server take no writes."""
    server.execute("SET GLOBAL read_only = 1")
    try:
        yield {}
    finally:
        server.execute("SET GLOBAL read_only = 0")


@contextmanager
def table_in_use(server: MariaServer) -> Iterator[dict[str, str]]:
    """Hold a metadata lock on `products` that every ALTER TABLE has to wait for."""
    server.execute(*SHOP)
    with server.connect() as session, session.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT * FROM products")
        yield {}


@contextmanager
def row_in_use(server: MariaServer) -> Iterator[dict[str, str]]:
    """Hold a lock on a row of `products`."""
    server.execute(*SHOP)
    with server.connect() as session, session.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("UPDATE products SET price = 4 WHERE id = 1")
        yield {}


@contextmanager
def rival(server: MariaServer) -> Iterator[dict[str, str]]:
    """Let another session lock a category and, as soon as the migration waits for that, a product."""
    server.execute(*SHOP, "INSERT INTO categories VALUES (7, 'drinks')", "CREATE TABLE notes (a integer)")
    with server.connect() as session, session.cursor() as cursor:
        cursor.execute("SET innodb_lock_wait_timeout = 30")
        cursor.execute("BEGIN")
        cursor.execute(f"INSERT INTO notes VALUES {', '.join(['(1)'] * 1000)}")  # the lighter one is the victim
        cursor.execute("UPDATE categories SET name = 'a' WHERE id = 7")
        thread = threading.Thread(target=_lock_product_in_turn, args=(server, cursor))
        thread.start()
        server.execute("SET GLOBAL innodb_lock_wait_timeout = 30")  # longer than the other thread takes to see the wait
        try:
            yield {}
        finally:
            server.execute("SET GLOBAL innodb_lock_wait_timeout = 1")
        thread.join()


def _lock_product_in_turn(server: MariaServer, cursor: "pymysql.cursors.Cursor") -> None:
    with server.connect() as observer, observer.cursor() as look:
        end = time.monotonic() + 60  # a Java that starts on a busy machine
        while not look.execute("SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"):
            time.sleep(0.2)  # what it shows is renewed only if nobody has read it for 0.1 s
            if time.monotonic() > end:
                return
    cursor.execute("UPDATE products SET name = 'b' WHERE id = 1")
    cursor.execute("ROLLBACK")


def having_run(*statements: str) -> World:
    """Run statements as administrator before."""

    @contextmanager
    def world(server: MariaServer) -> Iterator[dict[str, str]]:
        server.execute(*statements)
        yield {}

    return world


MARIADB_CONNECTION: tuple[MariaCase, ...] = (
    MariaCase("database.host-unknown", (), connecting(host="mariadb")),  # type: ignore[arg-type]
    MariaCase("database.connection-refused", (), nobody_listening),  # type: ignore[arg-type]
    MariaCase("database.connection-timeout", (), silent_server),  # type: ignore[arg-type]
    MariaCase("database.authentication-failed", (), connecting(password="wr0ng")),  # type: ignore[arg-type]
    MariaCase("database.authentication-failed.host", (), connecting(user="elsewhere")),  # type: ignore[arg-type]
    MariaCase("database.missing", (), connecting(dbname="nowhere")),  # type: ignore[arg-type]
    MariaCase("database.permission-denied.database", (), connecting(dbname="others")),  # type: ignore[arg-type]
    MariaCase("database.authentication-failed.tls", (), connecting(user="encrypted")),  # type: ignore[arg-type]
    MariaCase("database.too-many-connections", (), all_slots_taken),
    MariaCase("database.too-many-connections.user", (), limited_user),
)
MARIADB_STATEMENTS = (
    MariaCase("database.permission-denied", ("CREATE TABLE mysql.a (id int)",)),
    MariaCase("database.permission-denied.global", ("SET GLOBAL max_connections = 3",)),
    MariaCase("database.lock-timeout", ("ALTER TABLE products ADD sku text",), table_in_use),
    MariaCase("database.lock-timeout.row", ("UPDATE products SET price = 5",), row_in_use),
    MariaCase("database.statement-timeout", ("SET max_statement_time = 0.2", "SELECT SLEEP(60)", "DO SLEEP(60)")),
    MariaCase(
        "database.deadlock",
        (
            "START TRANSACTION",
            "UPDATE products SET price = 4 WHERE id = 1",
            "UPDATE categories SET name = 'c' WHERE id = 7",
        ),
        rival,
    ),
    MariaCase("database.read-only", ("CREATE TABLE a (id int)",), read_only),
    MariaCase("database.connection-lost", ("KILL CONNECTION_ID()",)),
    MariaCase("database.unique-violation", (*SHOP, "ALTER TABLE products ADD UNIQUE (name)")),
    MariaCase("database.invalid-value.null", (*SHOP, "ALTER TABLE products MODIFY name varchar(40) NOT NULL")),
    MariaCase("database.not-null-violation.insert", (*SHOP, "INSERT INTO categories VALUES (NULL, 'a')")),
    MariaCase(
        "database.foreign-key-violation",
        (*SHOP, "ALTER TABLE products ADD FOREIGN KEY (category) REFERENCES categories (id)"),
    ),
    MariaCase("database.check-violation", (*SHOP, "ALTER TABLE products ADD CONSTRAINT positive CHECK (price > 0)")),
    MariaCase("database.already-exists", (*SHOP, "CREATE TABLE products (id integer)")),
    MariaCase("database.already-exists.column", (*SHOP, "ALTER TABLE products ADD price integer")),
    MariaCase(
        "database.already-exists.index", (*SHOP, "CREATE INDEX a ON products (name)", "CREATE INDEX a ON products (id)")
    ),
    MariaCase("database.does-not-exist", ("ALTER TABLE orders ADD total integer",)),
    MariaCase("database.does-not-exist.drop", ("DROP TABLE orders",)),
    MariaCase("database.does-not-exist.column", (*SHOP, "ALTER TABLE products DROP sku")),
    MariaCase("database.does-not-exist.update", (*SHOP, "UPDATE products SET sku = 1")),
    MariaCase("database.does-not-exist.key", (*SHOP, "CREATE INDEX a ON products (sku)")),
    MariaCase("database.does-not-exist.function", ("SELECT app.slug('a')",)),
    MariaCase(
        "database.dependent-objects",
        (
            "CREATE TABLE parents (id integer PRIMARY KEY)",
            "CREATE TABLE children (parent integer REFERENCES parents (id))",
            "DROP TABLE parents",
        ),
    ),
    MariaCase("database.invalid-value", (*SHOP, "ALTER TABLE products MODIFY name integer")),
    MariaCase("database.invalid-value.too-long", (*SHOP, "UPDATE products SET name = repeat('x', 50)")),
    MariaCase("database.invalid-value.truncated", (*SHOP, "ALTER TABLE products MODIFY name varchar(2)")),
    MariaCase("database.invalid-value.range", (*SHOP, "ALTER TABLE products MODIFY price tinyint unsigned")),
    MariaCase("database.syntax-error", ("CREATE TABEL orders (id integer)",)),
)
MARIADB_CASES = (*MARIADB_CONNECTION, *MARIADB_STATEMENTS)

"""What databases say when they refuse, what it means, and what to do next: data only.

Sources: PostgreSQL's Appendix A (SQLSTATE) and its messages, MySQL's error reference. The order counts: where several
rules match one line, the first one wins.
"""

import msgspec


class Rule(msgspec.Struct, frozen=True):
    """`patterns` are regular expressions for a part of a line; `names` identify the error in any language.

    Names are SQLSTATEs and what psycopg (`errors.NAME`) and Ruby's pg (`PG::NAME`) call them.

    One pattern for each text, not one alternation of all: a search for what begins with letters is ten times as fast.
    """

    code: str
    message: str
    hint: str
    patterns: tuple[str, ...]
    names: tuple[str, ...] = ()


UNREACHED = (
    Rule(
        "database/host-unknown",
        "the name of the database's host cannot be resolved",
        "check DB_HOST (or the DSN): the Service's name, and its namespace if it is in another one",
        (
            r"could not translate host name",
            r"failed to resolve host",
            r"Name or service not known",
            r"no such host\b",
            r"getaddrinfo \w+",
            r"Temporary failure in name resolution",
            r"nodename nor servname",
            r"UnknownHostException",
            r"Unknown MySQL server host",
            r"\bbad address '",
        ),
    ),
    Rule(
        "database/connection-refused",
        "nothing accepts connections at the database's address",
        "check host and port, and whether the database runs; wait for it with an init container",
        (
            r"onnection refused",
            r"ECONNREFUSED",
            r"Error: P1001\b",
            r"Can't reach database server",
            r"Can't connect to (?:local )?MySQL",
            r"Is the server running locally",
        ),
    ),
    Rule(
        "database/connection-timeout",
        "the database did not answer in time",
        "check the address, network policies and firewalls between the pod and the database",
        (
            r"connection timeout expired",
            r"onnection timed out",
            r"timeout expired",
            r"ETIMEDOUT",
            r"i/o timeout",
            r"Error: P1002\b",
            r"SocketTimeoutException: [Cc]onnect",
        ),
    ),
    Rule(
        "database/not-ready",
        "the database is starting up, shutting down or recovering",
        "wait until it is ready, with an init container or more retries (backoffLimit)",
        (r"the database system is (?:starting up|shutting down|in recovery mode|not (?:yet )?accepting connections)",),
        (
            "57P03",
            "CannotConnectNow",
        ),
    ),
)
SESSION = (
    Rule(
        "database/tls-refused",
        "the client demands TLS, but the server does not offer it",
        "turn TLS on in the server, or set sslmode=prefer (sslmode=disable) in the connection",
        (
            r"server does not support SSL",
            r"SSL is not enabled on the server",
            r"The server does not support SSL",
        ),
    ),
    Rule(
        "database/tls-required",
        "the server has no access rule for this user without TLS",
        "set sslmode=require (better: verify-full with its CA); if that is refused too, add a rule to pg_hba.conf",
        (
            r"no pg_hba\.conf entry for .*(?:no encryption|SSL off)",
            r"using insecure transport are prohibited",
            r"SSL connection is required",
        ),
    ),
    Rule(
        "database/access-refused",
        "the server's access rules (pg_hba.conf) do not let this user in from here",
        "add a rule for the pod network, user and database, or use the user that was meant to migrate",
        (
            r"no pg_hba\.conf entry for",
            r"pg_hba\.conf rejects connection",
            r"Host '.*' is not allowed to connect",
        ),
    ),
    Rule(
        "database/authentication-failed",
        "the database refused the user name or password",
        "check the Secret that the migration reads: user, password, stray newlines, a rotation that it missed",
        (
            r"password authentication failed",
            r'role "[^"]*" is not permitted to log in',
            r"Error: P1000\b",
            r"Access denied for user .*using password",
            r"Peer authentication failed",
            r"Ident authentication failed",
            r"LDAP authentication failed",
            r"GSSAPI authentication failed",
            r"fe_sendauth: no password supplied",
            r'FATAL: +role "[^"]*" does not exist',
        ),
        (
            "28P01",
            "28000",
            "InvalidPassword",
        ),
    ),
    Rule(
        "database/missing",
        "the database (catalog) named in the connection does not exist",
        "check DB_NAME, or create the database first",
        (
            r'database "[^"]*" does not exist',
            r"Unknown database '",
            r"Error: P1003\b",
        ),
        (
            "3D000",
            "InvalidCatalogName",
        ),
    ),
    Rule(
        "database/too-many-connections",
        "the server has no free connection for this user",
        "lower the applications' pool sizes or replicas, raise max_connections, or migrate outside the pooler's limit",
        (
            r"too many clients already",
            r"remaining connection slots are reserved",
            r"too many connections for",
            r"Too many connections",
        ),
        (
            "53300",
            "TooManyConnections",
        ),
    ),
    Rule(
        "database/connection-lost",
        "the connection to the database broke in the middle",
        "look at the database's log (restart, failover, out of memory, pooler time-out), check what was "
        "applied, then run it again",
        (
            r"terminating connection due to",
            r"server closed the connection unexpectedly",
            r"SSL connection has been closed unexpectedly",
            r"driver: bad connection",
            r"Lost connection to MySQL server",
            r"server has gone away",
            r"Connection terminated unexpectedly",
            r"connection reset by peer",
        ),
        (
            "57P01",
            "57P02",
            "08006",
            "AdminShutdown",
            "CrashShutdown",
        ),
    ),
)
RESOURCES = (
    Rule(
        "database/lock-timeout",
        "another session holds a lock on the table, and the migration gave up waiting (lock_timeout)",
        "see who blocks in pg_stat_activity (pg_blocking_pids): a long transaction or a backup; end it or "
        "wait, then run it again",
        (
            r"canceling statement due to lock timeout",
            r"could not obtain lock on",
            r"Lock wait timeout exceeded",
        ),
        (
            "55P03",
            "LockNotAvailable",
        ),
    ),
    Rule(
        "database/statement-timeout",
        "a statement ran longer than statement_timeout allows",
        "raise statement_timeout for the migration's role or session, or split the change into batches",
        (
            r"canceling statement due to statement timeout",
            r"maximum statement execution time exceeded",
        ),
    ),
    Rule(
        "database/deadlock",
        "the migration and another session waited for each other's locks, and the database ended the migration",
        "run it again at a quieter time; lock tables in the order in which the application does",
        (
            r"deadlock detected",
            r"Deadlock found when trying to get lock",
        ),
        (
            "40P01",
            "DeadlockDetected",
        ),
    ),
    Rule(
        "database/disk-full",
        "the database server has no disk space left",
        "free or add space on the database's volume (also for WAL and temporary files), then run it again",
        (
            r"No space left on device",
            r"The table '.*' is full",
            r"could not (?:write to|extend) file",
        ),
        (
            "53100",
            "DiskFull",
        ),
    ),
    Rule(
        "database/read-only",
        "the server takes no writes here: a standby, or read-only mode",
        "point the migration to the primary (the read-write Service), or see whether a failover is under way",
        (
            r"cannot execute .+ in a read-only transaction",
            r"running with the --(?:super-)?read-only option",
        ),
        (
            "25006",
            "ReadOnlySqlTransaction",
        ),
    ),
    Rule(
        "database/permission-denied",
        "the migration's user lacks a right that it needs",
        "run the migration as the owner of the schema, or grant what the message names",
        (
            r"permission denied (?:for|to)\b",
            r"must be (?:owner of|superuser)",
            r"command denied to user",
            r"Access denied for user '[^']*'@'[^']*' to database",
        ),
        (
            "42501",
            "InsufficientPrivilege",
        ),
    ),
)
STATEMENTS = (
    Rule(
        "database/unique-violation",
        "existing rows are not unique where the migration wants them to be",
        "find and merge the duplicates in a data migration first",
        (
            r"could not create unique index",
            r"duplicate key value violates unique constraint",
            r"Duplicate entry '.*' for key",
        ),
        (
            "23505",
            "UniqueViolation",
        ),
    ),
    Rule(
        "database/not-null-violation",
        "existing rows are empty in a column that is to be NOT NULL",
        "fill them in a data migration, or give the new column a default, before NOT NULL is set",
        (
            r'column "[^"]*" (?:of relation "[^"]*" )?contains null values',
            r"violates not-null constraint",
        ),
        (
            "23502",
            "NotNullViolation",
        ),
    ),
    Rule(
        "database/foreign-key-violation",
        "rows refer to others that do not exist",
        "repair or delete them first, or add the key NOT VALID and validate it later",
        (
            r"violates foreign key constraint",
            r"a foreign key constraint fails",
        ),
        (
            "23503",
            "ForeignKeyViolation",
        ),
    ),
    Rule(
        "database/check-violation",
        "existing rows break the new check constraint",
        "correct them first, or add the constraint NOT VALID and validate it later",
        (
            r'check constraint "[^"]*" .*is violated by some row',
            r"violates check constraint",
            r"Check constraint '.*' is violated",
        ),
        (
            "23514",
            "CheckViolation",
        ),
    ),
    Rule(
        "database/already-exists",
        "what the migration creates is there already: it was applied half-way, by hand, or without being recorded",
        "compare the schema; record the migration as applied (`alembic stamp`, `manage.py migrate "
        "--fake-initial`, `flyway baseline`) or remove the remainder",
        (
            r"(?:relation|table|column|type|constraint|index|schema|function|role|database|extension|sequence|"
            r"view|trigger|policy) [\"`'].*already exists",
            r"Table '.*' already exists",
            r"Duplicate (?:column|key) name",
        ),
        (
            "42P07",
            "42701",
            "42710",
            "42P06",
            "DuplicateTable",
            "DuplicateColumn",
            "DuplicateObject",
            "DuplicateSchema",
        ),
    ),
    Rule(
        "database/extension-missing",
        "the server does not have the extension that the migration wants",
        "install it on the server, or use a server image or service that offers it",
        (
            r'extension "[^"]*" is not available',
            r"could not open extension control file",
        ),
    ),
    Rule(
        "database/does-not-exist",
        "what the migration changes is not there: an earlier migration was not applied here, or search_path differs",
        "see which migrations are recorded, and whether the connection has the right database and schema",
        (
            r"(?:relation|table|column|type|constraint|index|schema|function|operator|sequence|view|trigger|"
            r"role) \S.* does not exist",
            r"Table '.*' doesn't exist",
            r"Unknown column '",
            r"Can't DROP ",
        ),
        (
            "42P01",
            "42703",
            "42704",
            "42883",
            "3F000",
            "UndefinedTable",
            "UndefinedColumn",
            "UndefinedObject",
            "UndefinedFunction",
            "InvalidSchemaName",
        ),
    ),
    Rule(
        "database/dependent-objects",
        "other objects depend on what the migration drops",
        "drop or change those first; DETAIL names them",
        (r"because other objects depend on it",),
        (
            "2BP01",
            "DependentObjectsStillExist",
        ),
    ),
    Rule(
        "database/in-transaction",
        "the statement cannot run inside a transaction, but the tool opened one",
        "run it outside: Alembic `autocommit_block()`, Django `atomic = False`, Rails `disable_ddl_transaction!`",
        (
            r"cannot run inside a transaction block",
            r"cannot be executed from a function or multi-command string",
        ),
        (
            "25001",
            "ActiveSqlTransaction",
        ),
    ),
    Rule(
        "database/invalid-value",
        "existing values do not fit the new type",
        "convert or correct them first, or say how with USING",
        (
            r"invalid input (?:syntax|value) for ",
            r"value too long for type",
            r"Data too long for column",
            r"cannot be cast automatically",
            r"Incorrect \w+ value: ",
            r"value out of range",
            r"integer out of range",
            r"numeric field overflow",
            r"division by zero",
        ),
        (
            "22P02",
            "22001",
            "22003",
            "42804",
            "22012",
            "InvalidTextRepresentation",
            "StringDataRightTruncation",
            "NumericValueOutOfRange",
            "DatatypeMismatch",
            "DivisionByZero",
        ),
    ),
    Rule(
        "database/syntax-error",
        "the database does not understand a statement of the migration",
        "correct the statement; was it written for another database or version?",
        (
            r"syntax error at (?:or near|end of input)",
            r"You have an error in your SQL syntax",
        ),
        (
            "42601",
            "SyntaxError",
        ),
    ),
)

"""What databases say of connections, sessions and what they have to give, and what to do next: data only.

Sources: PostgreSQL's Appendix A (SQLSTATE) and its messages, MySQL's error reference. The order counts: where several
rules match one line, the first one wins.
"""

from ks_universal.engine.database_errors.rule import Rule

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
            r"\bgetaddrinfo \w+",
            r"Temporary failure in name resolution",
            r"nodename nor servname",
            r"\bUnknownHostException\b",
            r"Unknown (?:MySQL )?server host\b",
            r"\bbad address '",
            r"failed to lookup address information",
            r"issue connecting with your hostname",
        ),
        passes=True,
    ),
    Rule(
        "database/connection-refused",
        "nothing accepts connections at the database's address",
        "check host and port, and whether the database runs; wait for it with an init container",
        (
            r"onnection refused\b",
            r"Connect call failed \(",
            r"Connection to \S+ refused",
            r"\bECONNREFUSED\b",
            r"Error: P1001\b",
            r"Can't reach database server",
            r"Can't connect to (?:local )?(?:MySQL |server\b)",
            r"Is the server running locally",
        ),
        passes=True,
    ),
    Rule(
        "database/connection-timeout",
        "the database did not answer in time",
        "check the address, network policies and firewalls between the pod and the database",
        (
            r"connection timeout expired",
            r"onnection timed out",
            r"\btimeout expired",
            r"\bETIMEDOUT\b",
            r"i/o timeout",
            r"pool timed out while waiting for an open connection",
            r"Lost connection to (?:MySQL )?server at 'handshake: .*system error: 110\b",
            r"Error: P1002\b",
            r"\bSocketTimeoutException: [Cc]onnect",
        ),
        passes=True,
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
        passes=True,
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
            r"refused TLS connection",
            r"rejected SSL upgrade",
            r"server does not support TLS",
            r"Server does not support secure connection",
            r"ssl not enabled in the server",
            r"SSL is required,? but the server does(?:n't| not) support it",
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
        "the server does not let this user in from here, whatever the password",
        "add a rule (pg_hba.conf) for the pod network, user and database, or use the user that was meant to migrate",
        (
            r"no pg_hba\.conf entry for",
            r"pg_hba\.conf rejects connection",
            r"Host '.*' is not allowed to connect",
        ),
        ("28000",),
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
            r"permission denied to create database",
            r"We could not find your database",
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
            r"has exceeded the 'max_user_connections' resource",
        ),
        (
            "53300",
            "TooManyConnections",
        ),
        passes=True,
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
            r"Connection was killed",
            r"Lost connection to (?:MySQL )?server",
            r"server has gone away",
            r"Connection terminated unexpectedly",
            r"connection reset by peer",
            r"erminating connection because of",
            r"onnection lost: The server closed the connection",
            r"\bPROTOCOL_CONNECTION_LOST\b",
            r"unexpected end of stream",
            r"Connection is closed\b",
            r"onnection (?:has been|already|was|is already) closed\b",
            r"connection was closed in the middle of operation",
            r"\bPQsocket\(\)",
            r"\bPQconsumeInput\(\)",
            r"expected to read \d+ bytes, got \d+ bytes at EOF",
            r"I/O error occurred while sending to the backend",
            r"unexpected EOF\b",
            r"broken pipe\b",
            r"DBConnectionError: underlying connection is closed",
        ),
        (
            "57P01",
            "57P02",
            "08006",
            "AdminShutdown",
            "CrashShutdown",
        ),
        passes=True,
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
        passes=True,
    ),
    Rule(
        "database/statement-timeout",
        "a statement ran longer than statement_timeout allows",
        "raise statement_timeout for the migration's role or session, or split the change into batches",
        (
            r"canceling statement due to statement timeout",
            r"maximum statement execution time exceeded",
            r"\bmax_statement_time exceeded",
        ),
        passes=True,
    ),
    Rule(
        "database/deadlock",
        "the migration and another session waited for each other's locks, and the database ended the migration",
        "run it again at a quieter time; lock tables in the order in which the application does",
        (
            r"\bdeadlock detected",
            r"Deadlock found when trying to get lock",
        ),
        (
            "40P01",
            "DeadlockDetected",
        ),
        passes=True,
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
        passes=True,
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
        passes=True,
    ),
    Rule(
        "database/permission-denied",
        "the migration's user lacks a right that it needs",
        "run the migration as the owner of the schema, or grant what the message names",
        (
            r"permission denied (?:for|to)\b",
            r"must be (?:owner of|superuser)",
            r"command denied to user",
            r"Access denied; you need ",
            r"Access denied for user '[^']*'@'[^']*' to database",
        ),
        (
            "42501",
            "InsufficientPrivilege",
        ),
    ),
)

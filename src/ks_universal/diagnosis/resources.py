"""What databases say of locks, time, space and rights that a statement needs, and what to do next: data only.

Sources and order: see `connections.py`.
"""

from ks_universal.diagnosis.rule import Rule

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
            "1205",
            "3572",
            "ER_LOCK_WAIT_TIMEOUT",
            "ER_LOCK_NOWAIT",
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
        (
            "1969",
            "3024",
            "ER_STATEMENT_TIMEOUT",
            "ER_QUERY_TIMEOUT",
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
            "TRDeadlockDetected",
            "1213",
            "ER_LOCK_DEADLOCK",
        ),
        passes=True,
    ),
    Rule(
        "database/serialization-failure",
        "the migration and another transaction changed the same rows, and the database ended the migration",
        "run it again at a quieter time; a large change is better made in batches",
        (
            r"could not serialize access due to",
            r"\brestart transaction: ",
        ),
        (
            "40001",
            "SerializationFailure",
            "TRSerializationFailure",
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
            "1021",
            "1114",
            "ER_DISK_FULL",
            "ER_RECORD_FILE_FULL",
        ),
        passes=True,
    ),
    Rule(
        "database/out-of-memory",
        "the database server has no memory left for the statement, or for its locks",
        "change fewer tables in one transaction, or raise what the message names (max_locks_per_transaction, memory)",
        (
            r"out of shared memory",
            r"ERROR: +out of memory",
            r"Out of (?:sort )?memory\b",
        ),
        (
            "53200",
            "OutOfMemory",
            "1037",
            "1038",
            "ER_OUTOFMEMORY",
            "ER_OUT_OF_SORTMEMORY",
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
            "ReadOnlySQLTransaction",
            "1836",
            "ER_READ_ONLY_MODE",
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
            r"You do not have the SUPER privilege",
            r"Access denied for user '[^']*'@'[^']*' to database",
            r"user \S+ does not have \w+ privilege on",
        ),
        (
            "42501",
            "InsufficientPrivilege",
            "1044",
            "1142",
            "1143",
            "1227",
            "1370",
            "ER_DBACCESS_DENIED_ERROR",
            "ER_TABLEACCESS_DENIED_ERROR",
            "ER_COLUMNACCESS_DENIED_ERROR",
            "ER_SPECIFIC_ACCESS_DENIED_ERROR",
            "ER_PROCACCESS_DENIED_ERROR",
        ),
    ),
)

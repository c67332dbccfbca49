"""What migration tools say of their own state, what it means, and what to do next: data only.

Sources: what the tools printed in real runs, and the messages in their sources and documentation.
"""

from ks_universal.diagnosis.rule import Rule

_CATALOGS = r"pg_(?:type_typname_nsp|class_relname_nsp|namespace_nspname|proc_proname_args_nsp|extension_name)_index"
_TABLES = (
    r"_*(?:alembic_version|django_migrations|flyway_schema_history|databasechangelog|schema_?migrations?|schema_?version"
    r"|ar_internal_metadata|knex_migrations|sequelize_?meta|pgmigrations|drizzle_migrations|mikro_orm_migrations"
    r"|goose_db_version|sqlx_migrations|yoyo_\w+?|migrate_?history|aerich|prisma_migrations|diesel_schema_migrations"
    r"|refinery_schema_history|seaql_migrations|atlas_schema_revisions|ef_?migrations_?history|gorp_migrations|phinx_?log"
    r"|doctrine_migration_versions|migrations?)"
)
"""The tables in which the tools keep their record, as the beginning of a name."""
_RECORDS = rf"(?:PK_|unique_)?{_TABLES}(?:_lock)?(?:_pk(?:c|ey)?|_[a-z]+_(?:key|idx|unique)|\.PRIMARY)?"
"""A constraint of one of them; PostgreSQL names it by the table (`TABLE_pkey`), MySQL writes `TABLE.PRIMARY`.

Not those of an application's own tables whose names begin alike (`migration_requests_email_key`).
"""
_OWN = rf"(?:\w+\.)?(?i:{_TABLES})(?:_lock)?"
"""One of them, or the one with a tool's lock, as messages name a table."""
_SCRIPT = r"(?:Migration)?\d{3,}[\w.-]*\.[cm]?[jt]s"
"""The file of a migration, as Node.js's tools name it in their record: `20260100000002-change.js`."""
_TYPEORM = r"PK_8c82d7f526340ab734260ea46be"
"""What TypeORM calls the primary key of its table `migrations`, in every database."""

STATES = (
    Rule(
        "migrations/download",
        "the migration tool, or what starts it, wanted to download a part of itself",
        "have the image contain it: install the tool and its engine when the image is built",
        (r"\brequest to https?://\S+ failed\b",),
        passes=True,
    ),
    Rule(
        "migrations/multiple-heads",
        "two migrations follow the same one, so there is no single latest one",
        "merge them and build a new image",
        (
            r"Multiple head revisions are present",
            r"Multiple heads are present",
            r"Conflicting migrations detected; multiple leaf nodes",
        ),
        commands={"Alembic": "`alembic merge heads`", "Django": "`manage.py makemigrations --merge`"},
    ),
    Rule(
        "migrations/duplicate-version",
        "two migrations have the same number or name",
        "renumber the one that is not applied anywhere yet, and build a new image",
        (
            r"Found more than one migration with version",
            r"Found more than one repeatable migration",
            r"Multiple migrations have the (?:version number|name)",
            r"goose: duplicate version \d+",
            r"duplicate migration file: ",
            r"\bDuplicate migration \d+",
            r"Two migrations found with version",
            r"changesets? had duplicate identifiers",
            r"changesets? have duplicate identifiers",
            r"migration version \d+ is duplicated",
            r"\bMigrationConflict: ",
        ),
    ),
    Rule(
        "migrations/revision-unknown",
        "the database or a migration refers to a revision that this image does not contain",
        "deploy an image that has it: is this one older than the database, or is a file missing from it?",
        (
            r"Can't locate revision identified by",
            r"No such revision or branch",
            r"Revision \S+ referenced from .* is not present",
            r"\bNodeNotFoundError: Migration",
            r"no migration found for version \d+",
            r"Detected applied migration not resolved locally",
            r"No migration with version number",
            r"\bUnknownMigrationVersionError\b",
            r"migration directory is corrupt, the following files are missing",
            r"previously applied but is missing in the resolved migrations",
            r"is not present in the migration source\b",
            r"version \d+ is outside the valid versions of",
            r"^\s*Missing migration \d+",
            r"Cannot find change .* in \S+\.plan\b",
            r"FileNotFoundError: \[Errno 2\] No such file or directory: '(?:[^']*/)?\d{3,}_\w+\.(?:py|sql)'",
            r"Migration file of version '[^']*' is missing",
            r"migration V?\S+ is missing from the filesystem\b",
            r"Error: P3015\b",
        ),
        commands={
            "sqitch": "add changes at the end of `sqitch.plan` only: one before applied ones makes them other changes",
        },
    ),
    Rule(
        "migrations/out-of-date",
        "the database lacks migrations that this command expects to be applied",
        "apply them first, or check the order of the steps",
        (
            r"Target database is not up to date",
            r"ActiveRecord::PendingMigrationError\b",
            r"Migrations are pending\.",
        ),
        commands={"Alembic": "`alembic upgrade head`", "Rails": "`rails db:migrate`"},
    ),
    Rule(
        "migrations/inconsistent-history",
        "a migration that comes before applied ones was not applied itself: merged late, or given an old number",
        "give it a number after the last one that is applied, and build a new image; or have it applied out of order",
        (
            r"Detected resolved migration not applied to database",
            r"found \d+ missing migrations? before current version",
            r"detected \d+ missing \(out-of-order\) migrations?\b",
            r"Not run migration \S+ is preceding already run migration",
            r"migration files? .* (?:was|were) added out of order\b",
            r"is older than the latest applied migration",
        ),
        commands={
            "Flyway": "`flyway migrate -outOfOrder=true` (`spring.flyway.out-of-order`)",
            "goose": "`goose up -allow-missing`",
            "node-pg-migrate": "`node-pg-migrate up --no-check-order`",
            "Atlas": "`atlas migrate apply --exec-order non-linear`",
        },
    ),
    Rule(
        "migrations/inconsistent-history",
        "the record of applied migrations contradicts the order in which they depend on each other",
        "find out which was really applied, then correct the record",
        (r"\bInconsistentMigrationHistory: ",),
        commands={"Django": "`manage.py migrate --fake APP NAME`"},
    ),
    Rule(
        "migrations/dirty",
        "an earlier migration failed half-way, and the tool refuses to go on before that is settled",
        "undo or complete the failed migration by hand, then clear its mark in the tool's record",
        (
            r"Dirty database version -?\d+",
            r"Detected failed (?:repeatable )?migration",
            r"contains a failed (?:repeatable )?migration",
            r"found failed migrations in the target database",
            r"is partially applied; fix and remove row from",
            r"Error: P3009\b",
        ),
        commands={
            "golang-migrate": "`migrate force VERSION`",
            "Flyway": "`flyway repair`",
            "Prisma": "`prisma migrate resolve --rolled-back NAME`",
            "sqlx": "delete its row from `_sqlx_migrations`",
        },
    ),
    Rule(
        "migrations/locked",
        "the migration tool's own lock is held by another run",
        "see that no other migration runs, then run it again",
        (
            r"ould not acquire change log lock",
            r"Migration table is already locked",
            r"can't acquire (?:database )?lock",
            r"try lock failed",
            r"Timed out trying to acquire a postgres advisory lock",
            r"another migration process is currently running",
            r"Another migration is already running",
            r"while attempting to acquire (?:PostgreSQL|MySQL) \w+ lock",
            r"Unable to (?:obtain|acquire) (?:table|Flyway|\w+ advisory) lock",
            r"LockTimeout: Process \d+ has locked this database",
            r"another instance of Sqitch to finish work\b",
            r"lock is held by other session\b",
            r"Error: acquiring database lock\b",
        ),
        vague=(r"ActiveRecord::ConcurrentMigrationError\b",),
        commands={
            "Liquibase": "`liquibase release-locks`, for one that a killed run has left",
            "Knex": "`knex migrate:unlock`, for one that a killed run has left",
            "yoyo": "`yoyo break-lock`, where the process that it names is gone",
            **dict.fromkeys(
                ("Flyway", "golang-migrate", "node-pg-migrate", "Prisma", "Rails", "sqitch", "sqlx", "tern"),
                "its lock ends with the database session of its holder",
            ),
        },
        passes=True,
    ),
    Rule(
        "migrations/locked",
        "two runs of the migrations worked at once: both wrote the tool's own record, or made the same object",
        "see that one run works at a time (or do two files have one number?), then run it again; the data is sound",
        (
            rf"duplicate key value violates unique constraint [\"'](?:{_CATALOGS}|{_TYPEORM})[\"']",
            rf"duplicate key value violates unique constraint [\"'](?i:{_RECORDS})[\"']",
            rf"Duplicate entry '.*' for key [\"'`](?i:(?:\w+\.)?{_RECORDS})[\"'`]",
            r"Duplicate entry '\d{14}\w*(?:-[\w-]+)?(?:\.\w+)?' for key '(?:PRIMARY|(?:\w+\.)?\w*schema_migrations)'",
            rf"Duplicate entry '{_SCRIPT}' for key ",
            rf"Key \([^)]*\)=\({_SCRIPT}\) already exists",
            rf"relation [\"']{_OWN}[\"'] already exists",
            rf"Table '{_OWN}' already exists",
            rf"[\"'`]{_OWN}[\"'`].* canceling statement due to lock timeout",
            r"tuple concurrently updated",
        ),
        passes=True,
    ),
    Rule(
        "migrations/checksum-mismatch",
        "a migration that was already applied has been changed since",
        "restore the file and put the change into a new migration",
        (
            r"igration checksum mismatch",
            r"changesets check sum",
            r"change sets check sum",
            r"was: \d+:\w+ but is now: \d+:\w+",
            r"was modified after it was applied",
            r"previously applied but has been modified\b",
            r"MD5 checksum failed for migration",
            r"applied migration \S+ is different than filesystem one",
            r"checksum error in your migration directory",
            r"Error: checksum mismatch\b",
        ),
        commands={
            "Flyway": "`flyway repair`, if the change is harmless",
            "Liquibase": "`liquibase clear-checksums`, if the change is harmless",
            "Atlas": "`atlas migrate hash`, if the change is meant",
        },
    ),
    Rule(
        "migrations/not-empty",
        "the database has tables already, but no record of migrations",
        "record what it contains as applied",
        (
            r"\bP3005\b",
            r"Found non-empty schema\(s\)",
            r"connected database is not clean\b",
        ),
        commands={
            "Prisma": "`prisma migrate resolve --applied NAME`",
            "Flyway": "`flyway baseline`",
            "Atlas": "`atlas migrate apply --baseline VERSION`",
        },
    ),
)
PASSING = (
    Rule(
        "migrations/lock-awaited",
        "the migration tool waited for its own lock, which another run holds or left behind",
        "see that no other migration runs; a lock that a killed run has left has to be released by hand",
        (
            r"Waiting for changelog lock",
            r"Blocked by another instance of Sqitch\b",
        ),
        commands={"Liquibase": "`liquibase release-locks` (table DATABASECHANGELOGLOCK)"},
        passes=True,
    ),
    Rule(
        "migrations/error",
        "the migration tool reports a failed migration",
        "correct what the lines around it name",
        (r"Error: P3018\b",),
        commands={"Prisma": "then `prisma migrate resolve --rolled-back NAME`"},
        passes=True,
    ),
)
"""What may be followed by success or by the real error."""

WAITS = (
    Rule(
        "migrations/waits-for-itself",
        "Flyway waits for its own lock: what runs outside a transaction (CREATE INDEX CONCURRENTLY) waits for the "
        "transaction in which Flyway holds it",
        "no time is long enough; set `flyway.postgresql.transactional.lock=false` "
        "(`spring.flyway.postgresql.transactional-lock=false`)",
        (r"Migrating schema .* \[non-transactional\]",),
    ),
)
"""What a tool said last that then did not end."""

OWN_TABLES = (
    Rule(
        "database/does-not-exist",
        "the table in which aerich keeps its record is not there, and aerich makes it in its first migration only",
        "have the first migration make it, as `aerich init-db` writes it; or has the connection the wrong database?",
        (
            r'relation "aerich" does not exist',
            r"Table '(?:\w+\.)?aerich' doesn't exist",
        ),
    ),
    Rule(
        "database/permission-denied",
        "the migration tool could not make its own table: its user lacks the right CREATE, or the server is read-only",
        "grant CREATE on the schema (`GRANT CREATE ON SCHEMA public TO ROLE`), or run it as the owner of the database",
        (
            rf"relation [\"']{_OWN}[\"'] does not exist",
            rf"Table '{_OWN}' doesn't exist",
        ),
    ),
)
"""What is said where a tool's record is missing: a line that says why, too, is known by that."""

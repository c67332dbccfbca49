"""What migration tools say of their own state, what it means, and what to do next: data only.

Sources: the tools' own messages and documentation (Alembic, Django, Flyway, Liquibase, golang-migrate, Knex, Prisma,
Rails).
"""

from ks_universal.engine.database_errors.rule import Rule

STATES = (
    Rule(
        "migrations/multiple-heads",
        "two migrations follow the same one, so there is no single latest one",
        "merge them (`alembic merge heads`, `manage.py makemigrations --merge`) and build a new image",
        (
            r"Multiple head revisions are present",
            r"Multiple heads are present",
            r"Conflicting migrations detected; multiple leaf nodes",
        ),
    ),
    Rule(
        "migrations/revision-unknown",
        "the database or a migration refers to a revision that this image does not contain",
        "deploy an image that has it: is this one older than the database, or is a file missing from it?",
        (
            r"Can't locate revision identified by",
            r"No such revision or branch",
            r"NodeNotFoundError: Migration",
            r"no migration found for version \d+",
            r"Detected applied migration not resolved locally",
            r"No migration with version number",
            r"UnknownMigrationVersionError",
            r"migration directory is corrupt, the following files are missing",
        ),
    ),
    Rule(
        "migrations/out-of-date",
        "the database lacks migrations that this command expects to be applied",
        "apply them first (`alembic upgrade head`, `rails db:migrate`) or check the order of the steps",
        (
            r"Target database is not up to date",
            r"ActiveRecord::PendingMigrationError",
            r"Migrations are pending\.",
        ),
    ),
    Rule(
        "migrations/inconsistent-history",
        "the record of applied migrations contradicts the order in which they depend on each other",
        "find out which was really applied, then correct the record (`manage.py migrate --fake APP NAME`)",
        (
            r"InconsistentMigrationHistory: ",
            r"Detected resolved migration not applied to database",
            r"Error: P3015\b",
        ),
    ),
    Rule(
        "migrations/dirty",
        "an earlier migration failed half-way, and the tool refuses to go on before that is settled",
        "undo or complete the failed migration by hand, then clear its mark: golang-migrate `migrate force "
        "VERSION`, Flyway `flyway repair`, Prisma `prisma migrate resolve --rolled-back NAME`",
        (
            r"Dirty database version -?\d+",
            r"Detected failed migration to version",
            r"contains a failed migration",
            r"found failed migrations in the target database",
            r"Error: P3009\b",
        ),
    ),
    Rule(
        "migrations/locked",
        "the migration tool's own lock is held by another run",
        "see that no other migration runs; a lock left by a dead one ends with its database session, or for "
        "Liquibase with `liquibase release-locks`, for Knex with `knex migrate:unlock`",
        (
            r"ould not acquire change log lock",
            r"Migration table is already locked",
            r"can't acquire (?:database )?lock",
            r"try lock failed",
            r"Timed out trying to acquire a postgres advisory lock",
            r"ActiveRecord::ConcurrentMigrationError",
            r"another migration process is currently running",
            r"while attempting to acquire (?:PostgreSQL|MySQL) \w+ lock",
            r"Unable to (?:obtain|acquire) (?:table|Flyway|\w+ advisory) lock",
        ),
    ),
    Rule(
        "migrations/checksum-mismatch",
        "a migration that was already applied has been changed since",
        "restore the file and put the change into a new migration; if the change is harmless: `flyway "
        "repair`, `liquibase clear-checksums`",
        (
            r"igration checksum mismatch",
            r"changesets check sum",
            r"change sets check sum",
            r"was: \d+:\w+ but is now: \d+:\w+",
            r"was modified after it was applied",
        ),
    ),
    Rule(
        "migrations/not-empty",
        "the database has tables already, but no record of migrations",
        "record what it contains as applied: `prisma migrate resolve --applied NAME`, `flyway baseline`",
        (
            r"P3005\b",
            r"Found non-empty schema\(s\)",
        ),
    ),
)
PASSING = (
    Rule(
        "migrations/lock-awaited",
        "the migration tool waited for its own lock, which another run holds or left behind",
        "see that no other migration runs, then `liquibase release-locks` (table DATABASECHANGELOGLOCK)",
        (r"Waiting for changelog lock",),
    ),
    Rule(
        "migrations/error",
        "the migration tool reports a failed migration",
        "correct what the lines around it name, then `prisma migrate resolve --rolled-back NAME`",
        (r"Error: P3018\b",),
    ),
)
"""What may be followed by success or by the real error."""

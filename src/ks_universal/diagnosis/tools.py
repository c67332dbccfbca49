"""Which migration tool wrote a log, known by its own words and by the names of its files in stack traces."""

from functools import cache

from ks_universal.diagnosis.index import Index

MARKS: dict[str, tuple[str, ...]] = {
    "aerich": (r"/aerich/\w+\.py\b", r"\baerich\.models\b", r"\baerich (?:upgrade|fix-migrations)\b"),
    "Alembic": (
        r"\balembic\.(?:runtime|util|command|script|ddl)\b",
        r"/alembic/\w+(?:/\w+)?\.py\b",
        r"^FAILED: (?:Multiple head|Can't locate revision|Target database is not|No such revision)",
    ),
    "Django": (r"/django/(?:db|core)/", r"\bdjango\.(?:db|core)\.", r"\bmanage\.py\b", r"^Operations to perform:"),
    "Flyway": (
        r"\borg\.flywaydb\.",
        r"\bFlyway\b",
        r"\bo\.f\.core\.",
        r"\bDetected (?:resolved|applied|failed) migration\b",
    ),
    "Liquibase": (r"\bliquibase\b", r"\bLiquibase\b", r"\bWaiting for changelog lock\b", r"\bRunning Changeset: "),
    "Rails": (r"/activerecord-\d", r"\bActiveRecord::", r"^(?:rake|rails|bin/rails) aborted!", r"\bin Rails\b"),
    "Prisma": (r"\bPrisma\b", r"^Error: P\d{4}\b", r"\bprisma (?:migrate|generate|db)\b"),
    "MikroORM": (r"node_modules/@mikro-orm/", r"\bmikro-orm migration:", r"\bMikroORM\b"),
    "drizzle": (r"\bdrizzle\b", r"\bDrizzleQueryError\b", r"\bDrizzleError\b"),
    "TypeORM": (
        r"node_modules/typeorm/",
        r"\bQueryFailedError\b",
        r"^Error during migration run:",
        r"\bTypeORMError\b",
    ),
    "Sequelize": (r"\bSequelize\b", r"node_modules/sequelize\b", r"\bSequelizeDatabaseError\b"),
    "Knex": (
        r"node_modules/knex/",
        r"\bknexfile\b",
        r"^migration file \"[^\"]*\" failed\b",
        r"^migration failed with error:",
        r"\bUsing environment: ",
    ),
    "node-pg-migrate": (r"\bnode-pg-migrate\b", r"\bNot run migration \S+ is preceding\b", r"^> Migrating files:"),
    "postgrator": (r"\bpostgrator\b", r"\bMD5 checksum failed for migration\b"),
    "db-migrate": (r"node_modules/db-migrate", r"^\[(?:INFO|ERROR|WARN)\] .*\bmigration"),
    "goose": (r"\bgoose run: ", r"\bgoose: ", r"/pressly/goose/"),
    "golang-migrate": (
        r"^error: (?:migration failed|failed to open database|try lock failed|Dirty database|no migration found)\b",
        r"^error: .* \(details: pq: ",
        r"^error: .* in line \d+: ",
        r"/golang-migrate/migrate/",
        r"\bDirty database version\b",
    ),
    "tern": (
        r"/jackc/tern/",
        r"\bexecuting \S+\.sql (?:up|down)$",
        r"\bis outside the valid versions of\b",
        r"^Unable to connect to PostgreSQL:",
    ),
    "sqlx": (
        r"\bsqlx\b",
        r"\b_sqlx_migrations\b",
        r"^error: while (?:executing|resolving) migrations?\b",
        r"^error: migration \d+ (?:was|is) ",
        r"^error: error (?:returned from|communicating with) database\b",
        r"^error: error occurred while attempting to establish a TLS\b",
        r"^Applied \d+/migrate \b",
    ),
    "diesel": (r"\bdiesel\b", r"\b__diesel_schema_migrations\b", r"\bFailed to run \S+ with: "),
    "refinery": (r"\brefinery\b", r"\brefinery_schema_history\b"),
    "SeaORM": (r"\bsea_orm\b", r"\bsea-orm\b", r"\bseaql_migrations\b", r"\bApplying migration 'm\d{8}_"),
    "dbmate": (r"\bdbmate\b",),
    "Atlas": (r"\batlas (?:migrate|schema)\b", r"\batlasgo\b", r"\batlas_schema_revisions\b"),
    "yoyo": (r"\byoyo\b", r"/yoyo/\w+(?:/\w+)?\.py\b", r"\byoyo_lock\b"),
    "peewee-migrate": (r"\bpeewee_migrate\b", r"\bpw_migrate\b", r"/peewee_migrate/"),
    "sqitch": (r"\bsqitch\b", r"\bSqitch\b", r"\bsqitch\.plan\b"),
}
"""Tool to patterns: regular expressions for a part of a line that no other tool writes."""


class ToolFinder:
    """Finds the tool by the first line of a log that tells; `found` is None until then."""

    def __init__(self) -> None:
        """Begin with a log of which nothing has been read."""
        self.found: str | None = None

    def take(self, line: str, words: set[str]) -> None:
        """Take the next line; `words` are its words."""
        if self.found is None:
            self.found = min((tool for tool, _ in _marks().search(line, words)), key=list(MARKS).index, default=None)


@cache
def _marks() -> Index[str]:
    return Index((mark, tool) for tool, marks in MARKS.items() for mark in marks)

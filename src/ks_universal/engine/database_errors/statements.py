"""What databases say when they refuse a statement, and what to do next: data only.

Sources: PostgreSQL's Appendix A (SQLSTATE) and its messages, MySQL's error reference. The order counts: where several
rules match one line, the first one wins.
"""

from ks_universal.engine.database_errors.rule import Rule

STATEMENTS = (
    Rule(
        "database/unique-violation",
        "existing rows are not unique where the migration wants them to be",
        "find and merge the duplicates in a data migration first",
        (r"could not create unique index",),
    ),
    Rule(
        "database/unique-violation",
        "a row that the migration writes has a key that another row has already",
        "write it so that it may run twice (ON CONFLICT), or correct the row; was a part of it applied before?",
        (r"duplicate key value violates unique constraint",),
    ),
    Rule(
        "database/unique-violation",
        "rows are not unique where they have to be: existing ones, or one that the migration writes",
        "find and merge the duplicates in a data migration first; was a part of the migration applied before?",
        (r"Duplicate entry '.*' for key",),
        (
            "23505",
            "UniqueViolation",
        ),
        vague=(r"^ERROR: Validation error$",),
    ),
    Rule(
        "database/not-null-violation",
        "existing rows are empty in a column that is to be NOT NULL",
        "fill them in a data migration, or give the new column a default, before NOT NULL is set",
        (
            r'column "[^"]*" (?:of relation "[^"]*" )?contains null values',
            r"violates not-null constraint",
            r"Column '[^']*' cannot be null",
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
            r"(?<!parent row: )a foreign key constraint fails",
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
            r"CONSTRAINT `[^`]*` failed for `",
        ),
        (
            "23514",
            "CheckViolation",
        ),
    ),
    Rule(
        "database/already-exists",
        "what the migration creates is there already: it was applied half-way, by hand, or without being recorded",
        "compare the schema; remove the remainder, or record the migration as applied",
        (
            r"(?:relation|table|column|type|constraint|index|schema|function|role|database|extension|sequence|"
            r"view|trigger|policy) [\"`'].*\balready exists",
            r"Table '.*' already exists",
            r"Duplicate (?:column|key) name\b",
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
        commands={
            "Alembic": "`alembic stamp REVISION`",
            "Django": "`manage.py migrate --fake APP NAME`, for the first one `--fake-initial`",
            "Flyway": "`flyway baseline -baselineVersion=VERSION`, before the first run",
            "Liquibase": "`liquibase changelog-sync`",
            "golang-migrate": "`migrate force VERSION`",
            "TypeORM": "`typeorm migration:run --fake`",
            "node-pg-migrate": "`node-pg-migrate up --fake`",
            "Sequelize": "a row with its file's name in `SequelizeMeta`",
            "Knex": "a row with its file's name in `knex_migrations`",
            "Rails": "a row with its version in `schema_migrations`",
            "goose": "a row with its version in `goose_db_version`",
            "Prisma": "`prisma migrate resolve --applied NAME`",
            "sqitch": "`sqitch deploy --log-only`",
            "yoyo": "`yoyo mark`",
            "peewee-migrate": "`pw_migrate migrate --fake`",
            "aerich": "`aerich upgrade --fake`",
        },
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
            r"Unknown table '",
            r"(?:FUNCTION|PROCEDURE) \S+ does not exist",
            r"Key column '[^']*' doesn't exist in table",
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
        (
            r"because other objects depend on it",
            r"Cannot delete or update a parent row",
        ),
        (
            "2BP01",
            "DependentObjectsStillExist",
        ),
    ),
    Rule(
        "database/in-transaction",
        "the statement cannot run inside a transaction, but the tool opened one",
        "put it into a migration of its own, and have that run outside of one",
        (
            r"cannot run inside a transaction block",
            r"cannot be executed from a function or multi-command string",
        ),
        (
            "25001",
            "ActiveSqlTransaction",
        ),
        commands={
            "Alembic": "`with op.get_context().autocommit_block():`",
            "Django": "`atomic = False` in the migration",
            "Rails": "`disable_ddl_transaction!` in the migration",
            "Flyway": "`executeInTransaction=false` in its script configuration",
            "Liquibase": "`runInTransaction:false` at the changeset",
            "golang-migrate": "one statement a file, or `x-multi-statement=true`",
            "goose": "`-- +goose NO TRANSACTION` at its beginning",
            "TypeORM": "`transaction = false` in the migration's class",
            "node-pg-migrate": "`pgm.noTransaction()`",
            "Knex": "`exports.config = { transaction: false }`",
            "Sequelize": "leave out the transaction that the migration begins",
            "MikroORM": "`isTransactional() { return false }` in the migration",
            "sqlx": "`-- no-transaction` as its first line",
            "tern": "`---- tern: disable-tx ----` as its first line",
            "yoyo": "`-- transactional: false` (Python: `__transactional__ = False`)",
            "aerich": "`RUN_IN_TRANSACTION = False` in the migration",
            "dbmate": "`-- migrate:up transaction:false`",
            "Atlas": "`-- atlas:txmode none` as its first line",
            "diesel": "`run_in_transaction = false` in its metadata.toml",
        },
    ),
    Rule(
        "database/invalid-value",
        "a value does not fit the new type, or is NULL where the column is to be NOT NULL",
        "correct such values, and fill in those that are NULL, in a data migration first",
        (
            r"Data truncated for column",
            r"Invalid use of NULL value",
        ),
    ),
    Rule(
        "database/invalid-value",
        "existing values, or those that the migration writes, do not fit the column's type",
        "convert or correct them first",
        (
            r"Data too long for column",
            r"Out of range value for column",
            r"Truncated incorrect \w+ value: ",
            r"Incorrect \w+ value: ",
        ),
    ),
    Rule(
        "database/invalid-value",
        "existing values do not fit the new type",
        "convert or correct them first, or say how with USING",
        (
            r"invalid input (?:syntax|value) for ",
            r"value too long for type",
            r"cannot be cast automatically",
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

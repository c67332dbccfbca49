"""What databases say of rows that break a constraint, and what to do next: data only.

Sources and order: see `statements.py`.
"""

from ks_universal.diagnosis.rule import Rule

VIOLATIONS = (
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
        (
            r"Duplicate entry '.*' for key",
            r"Unique constraint failed",
        ),
        (
            "23505",
            "UniqueViolation",
            "1062",
            "1586",
            "ER_DUP_ENTRY",
            "ER_DUP_ENTRY_WITH_KEY_NAME",
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
            r"Null constraint failed",
            r"Column '[^']*' cannot be null",
            r"Field '[^']*' doesn't have a default value",
        ),
        (
            "23502",
            "NotNullViolation",
            "1048",
            "1364",
            "ER_BAD_NULL_ERROR",
            "ER_NO_DEFAULT_FOR_FIELD",
        ),
    ),
    Rule(
        "database/foreign-key-violation",
        "rows refer to others that do not exist",
        "repair or delete them first, or add the key NOT VALID and validate it later",
        (
            r"violates foreign key constraint",
            r"Foreign key constraint failed",
            r"foreign key violation: ",
            r"(?<!parent row: )a foreign key constraint fails",
        ),
        (
            "23503",
            "ForeignKeyViolation",
            "1216",
            "1452",
            "ER_NO_REFERENCED_ROW",
            "ER_NO_REFERENCED_ROW_2",
        ),
    ),
    Rule(
        "database/foreign-key-invalid",
        "the foreign key does not fit the table to which it refers",
        "give both columns the same type, and those to which it refers a primary or unique key",
        (
            r"there is no unique constraint matching given keys",
            r'foreign key constraint "[^"]*" cannot be implemented',
            r"Foreign key constraint is incorrectly formed",
            r"in foreign key constraint '[^']*' are incompatible",
            r"Missing (?:unique key|index) for constraint '",
        ),
        (
            "42830",
            "InvalidForeignKey",
            "1822",
            "3780",
            "6125",
            "ER_FK_NO_INDEX_PARENT",
            "ER_FK_INCOMPATIBLE_COLUMNS",
        ),
    ),
    Rule(
        "database/check-violation",
        "existing rows break the new check constraint",
        "correct them first, or add the constraint NOT VALID and validate it later",
        (
            r'check constraint "[^"]*" .*is violated by some row',
            r"violates check constraint",
            r"failed to satisfy CHECK constraint",
            r"Check constraint '.*' is violated",
            r"CONSTRAINT `[^`]*` failed for `",
        ),
        (
            "23514",
            "CheckViolation",
            "3819",
            "4025",
            "ER_CHECK_CONSTRAINT_VIOLATED",
            "ER_CONSTRAINT_FAILED",
        ),
    ),
)

"""The tables of a database as its catalog describes them. All names are quoted as SQL wants them, all texts are SQL."""

from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from ks_universal.rehearsal.filling.expressions import names_in

if TYPE_CHECKING:
    import psycopg


class Type(msgspec.Struct, frozen=True):
    """A data type. `kind` is pg_type.typtype, but `a` for an array.

    `base` is the type of which a domain, range, multirange or array is made, `base_cast` a domain's with the modifier.
    """

    oid: int
    name: str
    quoted: str
    kind: str
    base: int
    base_cast: str
    modifier: int
    not_null: bool
    labels: tuple[str, ...]
    checks: tuple[str, ...]
    attributes: tuple[tuple[int, int], ...]


class Column(msgspec.Struct, frozen=True):
    """A column; `cast` is its type with the modifier, `generated` the expression of one that is computed."""

    name: str
    type: int
    modifier: int
    cast: str
    not_null: bool
    generated: str | None
    sequences: tuple[str, ...]


class Check(msgspec.Struct, frozen=True):
    """A condition on rows, and how the schema words it."""

    expression: str
    definition: str
    columns: tuple[str, ...]


class Key(msgspec.Struct, frozen=True):
    """A unique index, a primary key, or an exclusion constraint: `operators` are the latter's, one an expression."""

    index: str
    definition: str
    expressions: tuple[str, ...]
    operators: tuple[str, ...]
    primary: bool
    partial: bool
    immediate: bool


class ForeignKey(msgspec.Struct, frozen=True):
    """A foreign key; `parent_rows` is what to select the parent's rows from.

    One that is not `valid` says nothing of the rows that are there; a guessed one is nowhere declared.
    """

    columns: tuple[str, ...]
    parent: int
    parent_rows: str
    parent_columns: tuple[str, ...]
    definition: str
    valid: bool = True
    full: bool = False
    guessed: bool = False


class Table(msgspec.Struct, frozen=True, dict=True):
    """A table that may be filled; `partitions` are the conditions of its leaves."""

    oid: int
    schema: str
    name: str
    quoted: str
    partitioned: bool
    columns: tuple[Column, ...]
    checks: tuple[Check, ...]
    keys: tuple[Key, ...]
    foreign_keys: tuple[ForeignKey, ...]
    partitions: tuple[str, ...]

    @property
    def label(self) -> str:
        """Return the name as people write it."""
        return f"{self.schema}.{self.name}"

    @property
    def rows(self) -> str:
        """Return what to select the table's own rows from: not those of tables that inherit from it."""
        return self.quoted if self.partitioned else f"ONLY {self.quoted}"

    @cached_property
    def column(self) -> dict[str, Column]:
        """Return the columns by name."""
        return {column.name: column for column in self.columns}

    def columns_of(self, expression: str) -> tuple[str, ...]:
        """Return the columns that an expression names, those behind a generated column in its stead."""
        found: dict[str, None] = {}
        for name in names_in(expression):
            column = self.column.get(name)
            if column is not None and column.generated is not None:
                found.update(dict.fromkeys(part for part in names_in(column.generated) if part in self.column))
            elif column is not None:
                found[name] = None
        return tuple(found)


class Catalog(msgspec.Struct, frozen=True):
    """What a database has."""

    tables: tuple[Table, ...]
    types: tuple[Type, ...]


async def read_catalog(connection: "psycopg.AsyncConnection") -> Catalog:
    """Read all user tables, sorted by name; the search path must be empty, so that each name is written in full."""
    row = await (await connection.execute(_QUERY)).fetchone()
    assert row is not None  # noqa: S101 - an aggregate without groups has one row
    return msgspec.json.decode(row[0], type=Catalog)


_QUERY = """
WITH user_tables AS (
  SELECT c.oid, c.relname, c.relkind, n.nspname, format('%I.%I', n.nspname, c.relname) AS quoted
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
    AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
    AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
)
SELECT json_build_object(
  'tables', (SELECT coalesce(json_agg(json_build_object(
    'oid', t.oid::int8, 'schema', t.nspname, 'name', t.relname, 'quoted', t.quoted, 'partitioned', t.relkind = 'p',
    'columns', (SELECT coalesce(json_agg(json_build_object(
        'name', quote_ident(a.attname), 'type', a.atttypid::int8, 'modifier', a.atttypmod,
        'cast', format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull,
        'generated', CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) END,
        'sequences', (SELECT coalesce(json_agg(s.oid::regclass::text), '[]') FROM pg_class s
          WHERE s.relkind = 'S' AND (s.oid IN (
            SELECT p.objid FROM pg_depend p WHERE p.classid = 'pg_class'::regclass AND p.refclassid = p.classid
              AND p.refobjid = t.oid AND p.refobjsubid = a.attnum AND p.deptype IN ('a', 'i'))
            OR s.oid IN (SELECT p.refobjid FROM pg_depend p
              WHERE p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid AND p.refclassid = 'pg_class'::regclass)))
      ) ORDER BY a.attnum), '[]')
      FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped),
    'checks', (SELECT coalesce(json_agg(json_build_object(
        'expression', pg_get_expr(k.conbin, k.conrelid), 'definition', pg_get_constraintdef(k.oid, true),
        'columns', (SELECT coalesce(json_agg(quote_ident(a.attname) ORDER BY a.attnum), '[]') FROM pg_attribute a
                    WHERE a.attrelid = t.oid AND a.attnum = ANY (k.conkey))
      ) ORDER BY k.conname), '[]') FROM pg_constraint k WHERE k.conrelid = t.oid AND k.contype = 'c'),
    'keys', (SELECT coalesce(json_agg(json_build_object(
        'index', i.indexrelid::regclass::text,
        'definition', coalesce(pg_get_constraintdef(k.oid, true), pg_get_indexdef(i.indexrelid)),
        'expressions', (SELECT json_agg(pg_get_indexdef(i.indexrelid, s, true) ORDER BY s)
                        FROM generate_series(1, i.indnkeyatts) s),
        'operators', (SELECT coalesce(json_agg(o.oprname ORDER BY x.ordinality), '[]')
                      FROM unnest(k.conexclop) WITH ORDINALITY x(op, ordinality) JOIN pg_operator o ON o.oid = x.op),
        'primary', i.indisprimary, 'partial', i.indpred IS NOT NULL, 'immediate', i.indimmediate
      ) ORDER BY i.indisprimary DESC, i.indexrelid), '[]')
      FROM pg_index i LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
      WHERE i.indrelid = t.oid AND (i.indisunique OR i.indisexclusion)),
    'foreign_keys', (SELECT coalesce(json_agg(json_build_object(
        'columns', (SELECT json_agg(quote_ident(a.attname) ORDER BY x.ordinality)
                    FROM unnest(k.conkey) WITH ORDINALITY x(num, ordinality)
                    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x.num),
        'parent', k.confrelid::int8,
        'parent_rows', CASE (SELECT p.relkind FROM pg_class p WHERE p.oid = k.confrelid)
                         WHEN 'r' THEN 'ONLY ' ELSE '' END || k.confrelid::regclass,
        'parent_columns', (SELECT json_agg(quote_ident(a.attname) ORDER BY x.ordinality)
                           FROM unnest(k.confkey) WITH ORDINALITY x(num, ordinality)
                           JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = x.num),
        'definition', pg_get_constraintdef(k.oid, true), 'valid', k.convalidated, 'full', k.confmatchtype = 'f'
      ) ORDER BY cardinality(k.conkey) DESC, k.conname), '[]')
      FROM pg_constraint k WHERE k.conrelid = t.oid AND k.contype = 'f' AND k.conparentid = 0),
    'partitions', (SELECT coalesce(json_agg(coalesce(pg_get_partition_constraintdef(p.relid), 'true') ORDER BY p.relid),
                                   '[]') FROM pg_partition_tree(t.oid) p WHERE p.isleaf AND p.relid <> t.oid)
  ) ORDER BY t.nspname, t.relname), '[]') FROM user_tables t),
  'types', (SELECT json_agg(json_build_object(
    'oid', y.oid::int8, 'name', y.typname, 'quoted', format_type(y.oid, NULL),
    'kind', CASE WHEN (SELECT e.typarray FROM pg_type e WHERE e.oid = y.typelem) = y.oid
                 THEN 'a' ELSE y.typtype::text END,
    'base', CASE y.typtype WHEN 'd' THEN y.typbasetype
                           WHEN 'r' THEN (SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = y.oid)
                           WHEN 'm' THEN (SELECT r.rngtypid FROM pg_range r WHERE r.rngmultitypid = y.oid)
                           ELSE y.typelem END::int8,
    'base_cast', CASE y.typtype WHEN 'd' THEN format_type(y.typbasetype, y.typtypmod) ELSE '' END,
    'modifier', y.typtypmod, 'not_null', y.typnotnull,
    'labels', (SELECT coalesce(json_agg(e.enumlabel ORDER BY e.enumsortorder), '[]')
               FROM pg_enum e WHERE e.enumtypid = y.oid),
    'checks', (SELECT coalesce(json_agg(pg_get_expr(k.conbin, 0) ORDER BY k.conname), '[]')
               FROM pg_constraint k WHERE k.contypid = y.oid AND k.contype = 'c'),
    'attributes', (SELECT coalesce(json_agg(json_build_array(a.atttypid::int8, a.atttypmod) ORDER BY a.attnum), '[]')
                   FROM pg_attribute a WHERE y.typrelid <> 0 AND a.attrelid = y.typrelid AND a.attnum > 0
                     AND NOT a.attisdropped)
  )) FROM pg_type y WHERE y.typtype IN ('b', 'd', 'e', 'r', 'm')
       OR y.typtype = 'c' AND (SELECT c.relkind FROM pg_class c WHERE c.oid = y.typrelid) = 'c')
)::text
"""

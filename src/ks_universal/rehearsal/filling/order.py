"""In which order tables are filled, and which table a column without a foreign key may refer to."""

import re
from collections.abc import Iterable, Mapping, Sequence

from ks_universal.rehearsal.filling.catalog import Column, ForeignKey, Table
from ks_universal.rehearsal.filling.values import Types

_REFERENCE = re.compile(r'"?(\w+?)(?:_id|Id|_uuid)"?')
_INTEGERS = {"int2", "int4", "int8"}


def sort_tables(tables: Sequence[Table], keys: Mapping[int, Sequence[ForeignKey]]) -> list[Table]:
    """Sort parents before children; of a cycle first the table that can do longest without a parent."""
    left, order = {table.oid: table for table in tables}, []
    while left:
        ready = [table for table in left.values() if not _missing(table, keys[table.oid], left)]
        for table in ready or [min(left.values(), key=lambda table: _need(table, keys[table.oid], left))]:
            order.append(left.pop(table.oid))
    return order


def _missing(table: Table, keys: Iterable[ForeignKey], left: Mapping[int, Table]) -> list[ForeignKey]:
    return [key for key in keys if key.parent in left and key.parent != table.oid]


def _need(table: Table, keys: Iterable[ForeignKey], left: Mapping[int, Table]) -> tuple[int, int, int]:
    missing = _missing(table, keys, left)
    declared = [key for key in missing if not key.guessed]
    needed = sum(all(table.column[column].not_null for column in key.columns) for key in declared)
    return needed, len(declared), len(missing)


def guess_foreign_keys(table: Table, tables: Sequence[Table], types: Types) -> list[ForeignKey]:
    """Return foreign keys that names suggest (`user_id`: to `users`, `auth_user`) where none is declared.

    A clean database has only rows that satisfy them, a hostile one also others.
    """
    declared = {column for key in table.foreign_keys for column in key.columns}
    found = []
    for column in table.columns:
        named = _REFERENCE.fullmatch(column.name)
        if named is None or column.name in declared or column.generated is not None or column.sequences:
            continue
        parent = _find_parent(table, column, named[1], tables, types)
        if parent is not None:
            found.append(parent)
    return found


def _find_parent(table: Table, column: Column, stem: str, tables: Sequence[Table], types: Types) -> ForeignKey | None:
    base = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", stem).lower()
    names = {base, base + "s", base + "es", base[:-1] + "ies"}
    near = (
        [table]
        if base == "parent"
        else [
            other
            for other in tables
            if (name := other.name.lower()) in names or any(name.endswith("_" + end) for end in names)
        ]
    )
    for parent in sorted(near, key=lambda other: (other.schema != table.schema, len(other.name), other.label)):
        for key in parent.keys:
            target = parent.column.get(key.expressions[0]) if len(key.expressions) == 1 and key.primary else None
            if (
                target is None
                or (parent, target) == (table, column)
                or _family(types, target) != _family(types, column)
            ):
                continue
            return ForeignKey((column.name,), parent.oid, parent.rows, (target.name,), "", valid=False, guessed=True)
    return None


def _family(types: Types, column: Column) -> str:
    type_ = types.plain(column.type, column.modifier)[0]
    name = type_.name if type_ is not None else ""
    return "integer" if name in _INTEGERS else name

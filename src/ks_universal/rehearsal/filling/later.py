"""Foreign keys whose parents are made later than the rows: those of a table to itself, and of cycles."""

from collections.abc import Mapping

from ks_universal.rehearsal.filling.catalog import ForeignKey, Table
from ks_universal.rehearsal.filling.plan import FANOUT, Kind, parent_groups, parent_rows


def later_update(table: Table, key: ForeignKey, casts: Mapping[str, str], kind: Kind) -> str | None:
    """Return the statement that gives the rows of a table their parents; None when all columns are given otherwise.

    In a table that refers to itself the rows become trees, without circles: the first row has no parent, or itself.
    """
    own = free_columns(table, key)
    pairs = list(zip(key.columns, key.parent_columns, strict=True))
    free = [(column, parent) for column, parent in pairs if column in own]
    bound = [(column, parent) for column, parent in pairs if column not in own]
    if not free:
        return None
    parents = [parent for _, parent in bound]
    numbered = _numbered(table, [c for c, _ in bound], key.parent_columns if key.parent == table.oid else ())
    same_group = [f"g.{parent} = r.{column}" for column, parent in bound] or ["true"]
    same_rows = [f"p.{parent} = r.{column}" for column, parent in bound]
    new = {column: f"(p.{parent})::{casts[column]} AS {column}" for column, parent in free}
    columns = [new.get(column.name, f"r.{column.name}") for column in table.columns if column.generated is None]
    optional = not any(table.column[column].not_null for column in own)
    made = ["SELECT", ", ".join(['r."#tableoid"', 'r."#ctid"', *columns]), f"FROM ({numbered}) AS r"]
    made += [f"JOIN ({parent_groups(key, parents)}) AS g ON", " AND ".join(same_group)]
    made += [f"JOIN ({parent_rows(key, parents)}) AS p ON"]
    made += [" AND ".join([*same_rows, f'p."#k" = {_parent_number(table, key, own, optional)}'])]
    if kind is Kind.HOSTILE and optional:
        made += ['AND r."#r" % 7 <> 3']
    changes = ", ".join(f"{column} = made.{column}" for column in own)
    conditions = ['child.tableoid = made."#tableoid"', 'child.ctid = made."#ctid"']
    for check in table.checks:
        if set(check.columns) & set(own):
            holds = " ".join(["SELECT", check.expression, 'FROM (SELECT made.*) AS "row"'])
            conditions.append(f"({holds}) IS NOT FALSE")
    update = [f"UPDATE {table.rows} AS child", f"SET {changes} FROM", f"({' '.join(made)}) AS made"]
    return " ".join([*update, "WHERE", " AND ".join(conditions)])


def orphans(table: Table, key: ForeignKey) -> str:
    """Return what stands behind SELECT or DELETE for the rows that a foreign key forbids."""
    known = " AND ".join(f"child.{column} IS NOT NULL" for column in key.columns)
    pairs = zip(key.columns, key.parent_columns, strict=True)
    same = " AND ".join(f"parent.{parent} = child.{column}" for column, parent in pairs)
    forbidden = " ".join([f"{known} AND NOT EXISTS (SELECT", f"FROM {key.parent_rows} AS parent WHERE {same})"])
    if key.full and len(key.columns) > 1:
        nulls = f"num_nulls({', '.join(f'child.{column}' for column in key.columns)})"
        forbidden = f"({forbidden}) OR {nulls} BETWEEN 1 AND {len(key.columns) - 1}"
    return f"FROM {table.rows} AS child WHERE {forbidden}"


def is_tree(table: Table, key: ForeignKey) -> bool:
    """Tell whether rows get parents in their own table when they are made, as its primary key counts."""
    single = len(key.columns) == 1 and key.parent == table.oid and free_columns(table, key) == key.columns
    primary = any(k.primary and k.expressions == key.parent_columns for k in table.keys)
    declared = {column for other in table.foreign_keys for column in other.columns}
    return single and primary and key.parent_columns[0] not in declared and not table.partitioned


def free_columns(table: Table, key: ForeignKey) -> tuple[str, ...]:
    """Return the columns of a foreign key that nothing else gives a meaning to."""
    others = {column for other in table.foreign_keys if other != key for column in other.columns}
    others |= {column for k in table.keys if k.primary for part in k.expressions for column in table.columns_of(part)}
    return tuple(c for c in key.columns if c not in others and table.column[c].generated is None)


def _numbered(table: Table, bound: list[str], order: tuple[str, ...]) -> str:
    part = f"PARTITION BY {', '.join(bound)} " if bound else ""
    by = ", ".join(order or ("tableoid", "ctid"))
    number = f'row_number() OVER ({part}ORDER BY {by}) - 1 AS "#r"'
    return " ".join(['SELECT tableoid AS "#tableoid", ctid AS "#ctid", *,', number, f"FROM {table.rows}"])


def _parent_number(table: Table, key: ForeignKey, own: tuple[str, ...], optional: bool) -> str:
    unique = any(set(k.expressions) <= set(own) for k in table.keys)
    if key.parent != table.oid:
        return 'r."#r"' if unique else 'r."#r" * 7919 % g."#count"'
    number = 'r."#r" - 1' if unique else f'(r."#r" + {FANOUT - 1}) / {FANOUT} - 1'
    return number if optional else f"greatest({number}, 0)"

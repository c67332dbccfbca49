"""Rows for the tables of a throwaway database, made from its catalog: ordinary ones, or all that the schema allows."""

from ks_universal.rehearsal.filling.fill import HAS_ROWS, RECORD, RECORDS, Filled, fill
from ks_universal.rehearsal.filling.plan import Kind

__all__ = ["HAS_ROWS", "RECORD", "RECORDS", "Filled", "Kind", "fill"]

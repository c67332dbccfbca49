"""Rehearsals: what a migration does to a PostgreSQL database, seen from the database's side (docs/rehearsing.md)."""

"""Runs a Plan on a Target: ordering, locking, record; says what happens in typed events.

Knows no target by name and touches nothing itself; there is no `if dry_run`, `if local` or `if kubernetes` here.
"""

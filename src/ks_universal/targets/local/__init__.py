"""Runs a release as processes of this machine, with an embedded PostgreSQL.

What is run, and how it is taken up after a kill, is in `docs/local.md`. The state is in `.ks-universal/<release>/`
(`state.py` says what lies where).
"""

from ks_universal.targets.local.target import LocalTarget

__all__ = ["LocalTarget"]

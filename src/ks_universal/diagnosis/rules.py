"""All rules, and what their kinds mean for each other."""

from ks_universal.diagnosis.connections import SESSION, UNREACHED
from ks_universal.diagnosis.migration_tools import OWN_TABLES, PASSING, STATES, WAITS
from ks_universal.diagnosis.resources import RESOURCES
from ks_universal.diagnosis.statements import STATEMENTS
from ks_universal.diagnosis.violations import VIOLATIONS

RULES = (*STATES, *PASSING, *WAITS, *UNREACHED, *SESSION, *RESOURCES, *OWN_TABLES, *VIOLATIONS, *STATEMENTS)
"""All rules: where several match one line the first one wins, so the tools' own messages come before the database's."""

TRANSIENT = frozenset(rule.code for rule in (*PASSING, *UNREACHED))
"""Kinds that pass by themselves: overcome, once there is an error of another kind."""

STUCK = frozenset(rule.code for rule in WAITS)
"""Kinds that are causes only of a program that did not end."""

LASTING = frozenset(rule.code for rule in RULES) - {rule.code for rule in RULES if rule.passes}
"""Kinds that no further attempt can mend, for the files, the data or the settings stay as they are."""

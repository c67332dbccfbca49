"""Finds in the output of a migration tool what went wrong, and says what to do next.

Knows text only: where the lines come from is not its business. `rules.py` has what is known, `tools.py` whose words
they are, `diagnosis.py` reads.
"""

from ks_universal.diagnosis.diagnosis import Diagnosis, diagnose

__all__ = ["Diagnosis", "diagnose"]

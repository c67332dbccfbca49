"""Lets the tests of this folder share `local_release.py`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

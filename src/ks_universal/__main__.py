"""`python -m ks_universal` is the command `ks-universal`."""

import sys

from ks_universal.cli import main

sys.argv[0] = "ks-universal"
main()

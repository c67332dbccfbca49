"""`python -m ks_universal` is the command `ks-universal`."""

from ks_universal.cli import main

main()

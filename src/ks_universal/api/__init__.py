"""What a program can do with a release; `ks_universal` itself offers these functions by their names.

`values` reads and writes files only, and is all that `template` and `validate` import; `local` runs a release on this
machine, `cluster` on a cluster.
"""

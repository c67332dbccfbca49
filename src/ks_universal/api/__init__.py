"""What a program can do with a release; `ks_universal` itself offers these functions by their names.

`values` reads and writes files only, and is all that `template` and `validate` import; `local` runs a release on this
machine, `cluster` on a cluster, where `logs` reads what was said; `plans` saves what a run is to do; `explain`,
`starting_values` and `file_watch` are for commands beside a run.
"""

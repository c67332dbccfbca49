"""Text to tree: read values files, apply --set, merge layers, resolve scalars; every node knows its place.

Knows YAML and Helm's merge rules, and nothing of what the keys mean. Only `load.py` reads files.
"""

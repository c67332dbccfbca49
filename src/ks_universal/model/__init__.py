"""The input format as types: one module a section; parsing, inheritance and cross-checks.

A tree with positions goes in, a typed, defaulted and cross-checked `Application` and a list of findings come out.
Knows nothing of files, Kubernetes objects or clusters; of Kubernetes it knows which fields may be written
(`fields.py`).
"""

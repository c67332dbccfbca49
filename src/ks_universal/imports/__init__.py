"""Manifests of others as values of this program: what `import` does.

Everything that is decided is decided by what the program makes of it: an object becomes an entry of a section where
that entry makes the same object again, and a raw manifest where none does. Knows nothing of clusters.
"""

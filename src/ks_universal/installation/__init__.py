"""What puts the controller into a cluster, as objects: its kind, itself, its rights, and the accounts of releases.

Nothing here knows a cluster, or how the controller works.
"""

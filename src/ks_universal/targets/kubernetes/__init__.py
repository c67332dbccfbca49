"""Runs a release on a cluster: server-side apply, Jobs for migrations, a Lease as the lock, records in Secrets.

The only package that imports lightkube and httpx2. What it learns of pods and rollouts it learns by watching; what it
judges (`pods.py`, `readiness.py`, `ownership.py`) are pure functions of the objects.
"""

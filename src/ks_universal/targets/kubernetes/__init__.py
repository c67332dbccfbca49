"""Runs a release on a cluster: server-side apply, Jobs for migrations, a Lease as the lock, records in Secrets.

The only package that imports lightkube and httpx2. It learns of pods and rollouts by watching, and judges them by pure
functions of the objects (`observed/`, `objects/ownership.py`).
"""

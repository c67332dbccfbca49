"""Runs a release on this machine with the images themselves: in containers of podman or Docker.

What a release on this machine needs beside what runs its containers is in `targets/local/`, which this package builds
on: state, lock, record, rollouts, attempts, probes.
"""

from ks_universal.targets.containers.target import ContainerTarget

__all__ = ["ContainerTarget"]

"""One controller works, the others wait: a Lease says which, and is the fence of every write that the controller makes.

A leader that was suspended finds on its own clock that its Lease may have been taken over, and writes nothing: neither
itself nor for any release. So a successor knows of all locks of releases that its predecessors have left that nobody
writes under them any more, and takes them over at once.
"""

import os
import socket
import uuid

from ks_universal.errors import LockLostError
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.record.lease import Claim, Lease

NAME = "ks-universal-controller"
"""The Lease, in the controller's own namespace."""


class Identity:
    """Who this controller is: in which namespace, in which pod, and which process of it.

    Without the name of a `pod` it is known by its host and its process, and is nobody's successor.
    """

    def __init__(self, namespace: str, pod: str = "") -> None:
        place = pod or f"{socket.gethostname()} pid {os.getpid()}"
        me = f"{place} ({uuid.uuid4().hex[:6]})"
        # A container of a pod starts when the one before it is gone.
        self.leader = Claim(identity=me, heir_of=f"{pod} (" if pod else "")
        everyone = f"ks-universal controller in {namespace}: "
        self.lock = Claim(identity=f"{everyone}{me}", heir_of=everyone)


class Leadership:
    """The Lease of the controller, and while it is held the Fence of all its writes."""

    def __init__(self, client: Client, identity: Identity, *, lease_s: int) -> None:
        self.lease = Lease(client, NAME, duration_s=lease_s, name=NAME, claim=identity.leader)
        self._resigned = False

    def resign(self) -> None:
        """Write nothing from now on: what runs in the cluster is left to whoever comes next."""
        self._resigned = True

    async def remaining_s(self) -> float:
        """Say how long a write may take. Raises LockedError where this controller leads no more."""
        if self._resigned:
            raise LockLostError(NAME, "this controller ends", is_taken=False)
        return await self.lease.remaining_s()

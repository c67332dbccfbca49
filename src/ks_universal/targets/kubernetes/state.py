"""All that is to be known of a release at one moment."""

import msgspec

from ks_universal.plan.records import JobState, Revision
from ks_universal.targets.kubernetes.lease import Holder
from ks_universal.targets.kubernetes.workloads import Workload


class ReleaseState(msgspec.Struct, frozen=True, kw_only=True):
    """`lock` is None where nobody holds the release, or where the role may not read who does (`lock_hidden`)."""

    release: str
    namespace: str
    latest: Revision
    workloads: tuple[Workload, ...]
    lock: Holder | None
    jobs: tuple[JobState, ...] = ()
    lock_hidden: bool = False

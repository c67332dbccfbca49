"""The `jobs` of the values: each runs once for what it says, and again when that changes (D30).

The digest on a Job tells what it runs. While the Job is live, applying it does the right thing: nothing for the same
digest, another Job in its place for another one. Where its ttl has removed it, the record tells that it ran: a Job that
is noted there with the same digest is no step of the plan. To run it again, change something of it (`podAnnotations`).
"""

from ks_universal.plan.records import State
from ks_universal.resources.metadata import JOB_DIGEST
from ks_universal.resources.objects import Identity, Json, identity


def find_job_digest(body: Json) -> str | None:
    """Find the digest of what a Job of the values runs; None for any other object."""
    if body["kind"] != "Job":
        return None
    digest: str | None = body["metadata"].get("annotations", {}).get(JOB_DIGEST)
    return digest


def name_job(subject: Identity) -> str:
    """Name a Job as the record's `jobs` does: `shop/seed`, the first being its namespace."""
    return f"{subject.namespace}/{subject.name}"


def has_run(body: Json, state: State) -> bool:
    """Tell whether a Job was made in an earlier run, just as it is, and has been removed since."""
    digest, subject = find_job_digest(body), identity(body)
    known = state.revisions[-1].jobs if state.revisions else {}
    return digest is not None and subject not in state.objects and known.get(name_job(subject)) == digest

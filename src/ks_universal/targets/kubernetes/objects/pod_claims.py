"""The claims that a StatefulSet has made for its pods: they hold data, and are left when it goes."""

import re
from collections.abc import Container

from ks_universal.json_types import Json
from ks_universal.plan.changes import Change, ObjectChange
from ks_universal.resources.keeping import find_keeper
from ks_universal.resources.objects import ObjectRef
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.api.kinds import CLAIM
from ks_universal.targets.kubernetes.observed.pods import created


async def read_pod_claims(client: Client, live: Json | None) -> list[Json]:
    """Read the claims of a StatefulSet's pods; none of anything else, nor where the role may not list them."""
    if live is None or live["kind"] != "StatefulSet" or not live["spec"].get("volumeClaimTemplates"):
        return []
    labels = ",".join(f"{key}={value}" for key, value in (live["spec"]["selector"].get("matchLabels") or {}).items())
    templates = "|".join(re.escape(each["metadata"]["name"]) for each in live["spec"]["volumeClaimTemplates"])
    is_of_pod = re.compile(rf"(?:{templates})-{re.escape(live['metadata']['name'])}-[0-9]+").fullmatch
    try:
        claims = (await client.of(live).list(CLAIM, labels=labels)).items
    except ApiError as error:
        if error.code != 403:
            raise
        return []
    return sorted((claim for claim in claims if is_of_pod(claim["metadata"]["name"])), key=created)


def judge_claim(claim: Json, stateful_set: Json, kept: Container[str]) -> ObjectChange:
    """Tell what becomes of a claim when its StatefulSet goes; `kept` are the kinds that stay where nobody asks.

    One that the StatefulSet owns goes with it: its `persistentVolumeClaimRetentionPolicy` says so.
    """
    ref = ObjectRef(CLAIM.kind, claim["metadata"].get("namespace", ""), claim["metadata"]["name"])
    owners = {reference["uid"] for reference in claim["metadata"].get("ownerReferences", ())}
    keeper = find_keeper(claim)
    if stateful_set["metadata"]["uid"] in owners or (keeper is None and CLAIM.kind not in kept):
        return ObjectChange(identity=ref, change=Change.DELETED)
    return ObjectChange(identity=ref, change=Change.KEPT, kept_by=keeper or "")

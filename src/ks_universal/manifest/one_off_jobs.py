"""The `jobs` of the values, for tools that know no more of a Job than whether one of its name is there (D30).

Such a tool can change no Job, but makes one of another name and removes the old one. So the name says what the Job
runs, and the Job stays as the only sign that it has run: without it, the tool would make it once more.
"""

from ks_universal.json_types import Json
from ks_universal.metadata_keys import JOB_DIGEST
from ks_universal.resources.objects import rename

TTL = "ttlSecondsAfterFinished"
_LONGEST_NAME = 63
_DIGEST_LENGTH = 8


def name_by_content(body: Json) -> Json:
    """Name a Job of the values by what it runs, and leave its removal to the tool; any other object is as it was."""
    annotations = body["metadata"].get("annotations") or {}
    if body["kind"] != "Job" or JOB_DIGEST not in annotations:
        return body
    digest = annotations[JOB_DIGEST][:_DIGEST_LENGTH]
    name = f"{body['metadata']['name'][: _LONGEST_NAME - _DIGEST_LENGTH - 1].rstrip('-.')}-{digest}"
    spec = {key: value for key, value in body["spec"].items() if key != TTL}
    return {**rename(body, name), "spec": spec}

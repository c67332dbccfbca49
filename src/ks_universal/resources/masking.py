"""Objects for showing: a Secret's values are replaced on a copy, before anything compares, prints or saves it."""

from ks_universal.json_types import Json

MASK = "***"


def mask_secrets(body: Json) -> Json:
    """Copy a Secret with `***` for its values, and without annotations, which may repeat them; others are kept."""
    if body.get("kind") != "Secret":
        return body
    metadata = {key: value for key, value in body["metadata"].items() if key not in ("annotations", "managedFields")}
    values = {field: dict.fromkeys(body[field], MASK) for field in ("data", "stringData") if body.get(field)}
    return {**body, "metadata": metadata, **values}

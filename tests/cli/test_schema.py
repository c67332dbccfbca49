"""`ks-universal schema`, as a shell sees it."""

import json

import pytest

from support.shell import Invoke


@pytest.mark.parametrize(("options", "required"), [([], True), (["--partial"], False)])
def test_the_schema_is_json_with_descriptions(ksu: Invoke, options: list[str], *, required: bool) -> None:
    result = ksu("schema", *options)
    assert (result.status, result.err) == (0, "")
    schema = json.loads(result.out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["properties"]["deployments"]["description"].startswith("The applications")
    assert ("required" in schema["$defs"]["Deployment"]) is required

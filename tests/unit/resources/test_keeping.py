"""Which objects ask to outlive their release."""

import pytest

from ks_universal.resources.keeping import find_keeper

HELM, OURS = "helm.sh/resource-policy", "ks-universal.io/resource-policy"


@pytest.mark.parametrize(
    ("annotations", "keeper"),
    [
        ({HELM: "keep"}, HELM),
        ({OURS: "keep"}, OURS),
        ({OURS: "keep", HELM: "keep"}, HELM),
        ({HELM: " Keep "}, HELM),
        ({HELM: "delete"}, None),
        ({HELM: ""}, None),
        ({"example.com/resource-policy": "keep"}, None),
        (None, None),
    ],
)
def test_an_object_is_kept_that_says_so_as_helm_reads_it(
    annotations: dict[str, str] | None, keeper: str | None
) -> None:
    assert find_keeper({"kind": "Secret", "metadata": {"name": "s", "annotations": annotations}}) == keeper


def test_an_object_without_annotations_is_not_kept() -> None:
    assert find_keeper({"kind": "Secret", "metadata": {"name": "s"}}) is None

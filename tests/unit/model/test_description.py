"""What the format says of itself."""

from collections.abc import Iterator

from ks_universal.model.conversion.structs import keys_of
from ks_universal.model.format.application import Application
from ks_universal.model.format.migrations import Migrations
from ks_universal.model.format.types import Format
from ks_universal.model.reference.description import (
    ROOT,
    Choice,
    FormatMap,
    Key,
    Kind,
    KubernetesMap,
    ListOf,
    MapOf,
    Plain,
    list_keys,
    load_descriptions,
)


def walk(kind: Kind, seen: set[Kind]) -> Iterator[FormatMap]:
    """Find all structs of the format that a kind leads to."""
    match kind:
        case ListOf(inner) | MapOf(inner):
            yield from walk(inner, seen)
        case FormatMap() if kind not in seen:
            seen.add(kind)
            yield kind
            for key in list_keys(kind).values():
                yield from walk(key.kind, seen)


def own_keys(kind: FormatMap) -> dict[str, Key]:
    return {name: key for name, key in list_keys(kind).items() if key.origin is None}


def test_every_key_of_ours_has_a_sentence_and_no_sentence_is_left_over() -> None:
    used = {
        (base.__name__, name)
        for kind in walk(ROOT, set())
        for name in own_keys(kind)
        for base in kind.struct.__mro__
        if issubclass(base, Format)
    }
    written = {(struct, key) for struct, texts in load_descriptions().items() for key in texts}
    assert written - used == set()
    texts = [key.description for kind in walk(ROOT, set()) for key in own_keys(kind).values()]
    assert [text for text in texts if not text.endswith(".") or len(text) > 125] == []


def test_the_keys_are_those_that_the_converters_take() -> None:
    for kind in walk(ROOT, set()):
        known = list_keys(kind).keys() - ({"deploymentsGeneral"} if kind.struct is Application else set())
        assert known == keys_of(kind.struct), kind.struct


def test_a_key_has_its_kind_default_and_description() -> None:
    keys = list_keys(FormatMap(Migrations))
    assert keys["args"].kind == ListOf(Plain("text"))
    assert keys["phase"].kind == Choice(("pre", "post"))
    assert keys["resources"].kind == KubernetesMap("ResourceRequirements")
    assert keys["enabled"].default is False
    assert keys["backoffLimit"].description.startswith("How many times")


def test_a_field_of_kubernetes_says_whose_it_is() -> None:
    deployment = list_keys(ROOT)["deployments"].kind
    assert isinstance(deployment, MapOf) and isinstance(deployment.value, FormatMap)
    assert list_keys(deployment.value)["hostNetwork"].description == "Kubernetes: PodSpec.hostNetwork"
    assert (
        list_keys(KubernetesMap("HTTPRouteSpec.rules"))["timeouts"].description
        == "Gateway API: HTTPRouteSpec.rules.timeouts"
    )

"""Images by their ids, in pods as the API returns them."""

from typing import Any

import pytest

from ks_universal.metadata_keys import IMAGE_IDS
from ks_universal.targets.kubernetes.objects.applying import build_applied
from ks_universal.targets.kubernetes.objects.image_ids import find_moved, list_image_ids, read_note
from ks_universal.targets.kubernetes.objects.ownership import Owner, is_as_applied

Json = dict[str, Any]
OWNER = Owner("shop", "ns")
ONE, TWO = "sha256:1", "sha256:2"


def container(name: str, image: str = "shop:latest", **more: Any) -> Json:
    return {"name": name, "image": image, "imagePullPolicy": "Always", **more}


def deployment(*containers: Json, note: str | None = None, **spec: Any) -> Json:
    annotations = {} if note is None else {"annotations": {IMAGE_IDS: note}}
    template = {"metadata": {"labels": {"app": "web"}, **annotations}, "spec": {"containers": [*containers], **spec}}
    metadata = {"name": "web", "uid": "d"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"template": template}}


def pod(replica_set: str = "r", *, stopping: bool = False, phase: str = "Running", **ids: str) -> Json:
    owner = {"kind": "ReplicaSet", "name": "web-1", "uid": replica_set, "controller": True}
    told = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if stopping else {}
    states = [{"name": name, "image": "mirror.example.com/shop:latest", "imageID": id_} for name, id_ in ids.items()]
    return {"metadata": {"ownerReferences": [owner], **told}, "status": {"phase": phase, "containerStatuses": states}}


def replica_set(uid: str, *containers: Json) -> Json:
    return {"metadata": {"uid": uid}, "spec": {"template": deployment(*containers)["spec"]["template"]}}


@pytest.mark.parametrize("written", [ONE, f"docker.io/library/shop@{ONE}", f"docker-pullable://shop@{ONE}"])
def test_the_digest_is_what_counts_of_an_id(written: str) -> None:
    assert list(list_image_ids(pod(main=written), [container("main")])) == [("shop:latest", ONE)]


def test_containers_that_are_not_of_the_template_or_not_pulled_yet_have_no_id() -> None:
    found = list_image_ids(pod(main=ONE, mesh=TWO, late=""), [container("main"), container("late"), container("none")])
    assert list(found) == [("shop:latest", ONE)]


def test_of_a_sidecar_the_id_is_known_too() -> None:
    seen = pod(main=ONE)
    seen["status"]["initContainerStatuses"] = [{"name": "proxy", "imageID": TWO}]
    assert list(list_image_ids(seen, [container("proxy", "proxy:latest")])) == [("proxy:latest", TWO)]


MOVED = {"shop:latest": TWO}


@pytest.mark.parametrize(
    ("pods", "moved"),
    [
        ([], {}),
        ([pod(main=TWO)], {}),
        ([pod(main="")], {}),
        ([pod(main=TWO), pod(main=ONE)], MOVED),
        ([pod(main=ONE, stopping=True)], {}),
        ([pod(main=ONE, phase="Failed")], {}),
        ([pod("another's", main=ONE)], {}),
    ],
)  # fmt: skip
def test_an_image_has_moved_where_a_pod_that_stays_has_another_id(pods: list[Json], moved: Json) -> None:
    live = deployment(container("main"))
    assert find_moved(live, MOVED, [replica_set("r", container("main"))], pods) == moved


def test_pods_of_a_template_with_another_image_do_not_count() -> None:
    sets = [replica_set("r", container("main", "shop:1.0")), replica_set("s", container("main"))]
    live = deployment(container("main"))
    assert find_moved(live, MOVED, sets, [pod("r", main=ONE)]) == {}
    assert find_moved(live, MOVED, sets, [pod("r", main=ONE), pod("s", main=ONE)]) == MOVED


def test_pods_that_have_restarted_for_an_id_do_not_restart_for_it_again() -> None:
    live = deployment(container("main"), note=f'{{"shop:latest":"{TWO}"}}')
    assert find_moved(live, MOVED, [replica_set("r", container("main"))], [pod(main=ONE)]) == {}


def test_the_note_stays_while_the_image_is_named_and_what_is_applied_again_is_unchanged() -> None:
    wanted = deployment(container("main"))
    live = build_applied(wanted, wanted, OWNER, moved=MOVED)
    assert read_note(live) == MOVED
    again = build_applied(live, wanted, OWNER)
    assert read_note(again) == MOVED
    assert is_as_applied(live, again)


def test_the_note_goes_with_the_image() -> None:
    wanted = deployment(container("main"))
    live = build_applied(wanted, wanted, OWNER, moved=MOVED)
    other = build_applied(live, deployment(container("main", "shop:1.0")), OWNER)
    assert IMAGE_IDS not in other["spec"]["template"]["metadata"].get("annotations", {})
    both = build_applied(
        live, deployment(container("main"), container("b", "b:latest")), OWNER, moved={"b:latest": ONE}
    )
    assert read_note(both) == {"shop:latest": TWO, "b:latest": ONE}


def test_a_note_of_another_form_is_none() -> None:
    assert read_note(deployment(note="nonsense")) == read_note(deployment(note="[1]")) == {}

"""The Dockerfile, as far as it can be held to the manifests without a registry."""

import re
from pathlib import Path

from ks_universal import Installation, build_controller_manifests

ROOT = Path(__file__).parents[3]
LINES = (ROOT / "Dockerfile").read_text().splitlines()


def test_the_image_runs_as_the_user_of_the_manifests_and_has_their_command() -> None:
    objects = build_controller_manifests(Installation(image="ksu:1"))
    (pod,) = (each["spec"]["template"]["spec"] for each in objects if each["kind"] == "Deployment")
    user, group = pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsGroup"]
    assert f"USER {user}:{group}" in LINES
    assert 'ENTRYPOINT ["ks-universal"]' in LINES
    assert pod["containers"][0]["command"] == ["ks-universal", "controller"]


def test_all_that_is_copied_is_there_and_let_in() -> None:
    copied = [name for line in LINES if re.match(r"COPY (?!--)", line) for name in line.split()[1:-1]]
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert sorted(copied) == sorted(let_in)
    assert all((ROOT / name).exists() for name in copied)

"""Records that cannot be read, and those of a newer version of this program: findings, and a way out."""

import gzip
import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from ks_universal.cli import run
from ks_universal.plan.records import FORMAT
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP, SECRET
from support.deploying import get, items, kubectl, write
from support.shell import Outcome

VALUES = "configs: {c: {data: {A: '%s'}}}\n"
RECORD = "ks-universal.shop.v2"
Ksu = Callable[..., Outcome]


@pytest.fixture
def ksu(namespace: str, capfd: pytest.CaptureFixture[str]) -> Ksu:
    def invoke(*arguments: str) -> Outcome:
        status = run([*arguments, "-n", namespace])
        captured = capfd.readouterr()
        return Outcome(status, captured.out, captured.err)

    return invoke


@pytest.fixture
def released(ksu: Ksu, namespace: str, tmp_path: Path) -> Ksu:
    """A release of two revisions."""
    assert namespace
    for value in "12":
        assert ksu("deploy", "shop", "-f", write(tmp_path, VALUES % value), "--yes").status == 0
    return ksu


def pack(content: bytes) -> bytes:
    return gzip.compress(content)


DAMAGE = {
    "no gzip": b"junk",
    "cut": pack(b"{}" * 1000)[:-9],
    "empty": b"",
    "no record": pack(b"{}"),
    "wrong types": pack(b'{"number": "two"}'),
    "no JSON": pack(b"\xff"),
    "an outcome of another version": pack(b'{"number":2,"release":"shop","namespace":"n","by":"x","outcome":"paused"}'),
    "a bomb": pack(b" " * (300 << 20)),
}


def damage(namespace: str, content: bytes) -> None:
    patch = json.dumps({"data": {"part0": b64encode(content).decode()}})
    kubectl(namespace, "patch", "secret", RECORD, "--type=merge", "--patch-file=/dev/stdin", text=patch)


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_secret_is_named_and_its_copy_is_taken_instead(
    released: Ksu, namespace: str, tmp_path: Path, kind: str
) -> None:
    damage(namespace, DAMAGE[kind])
    for command in (["status", "shop"], ["history", "shop"]):
        told = released(*command)
        assert told.status == 0
        assert f"warning[record/unreadable]: Secret/{RECORD}" in told.err
    done = released("deploy", "shop", "-f", write(tmp_path, VALUES % "3"), "--yes")
    assert (done.status, f"Secret/{RECORD}" in done.out + done.err) == (0, True)


def test_a_record_without_a_readable_copy_stops_all_but_an_uninstall(
    released: Ksu, namespace: str, tmp_path: Path
) -> None:
    damage(namespace, b"junk")
    patch = json.dumps({"data": {"revision.json": "{"}})
    kubectl(namespace, "patch", "configmap", RECORD, "--type=merge", "-p", patch)
    told = released("history", "shop")
    assert (told.status, "error[record/unreadable]" in told.err, "succeeded" in told.out) == (0, True, True)
    refused = released("deploy", "shop", "-f", write(tmp_path, VALUES % "3"), "--yes")
    assert (refused.status, "error[record/unreadable]" in refused.err + refused.out) == (1, True)
    assert kubectl(namespace, "get", "configmap", "c", "-o", "jsonpath={.data.A}") == "2"
    assert released("uninstall", "shop", "--yes").status == 0
    assert get(namespace, CONFIG_MAP, "c") is None
    assert [item["metadata"]["name"] for item in items(namespace, SECRET)] == []


def test_a_record_of_a_newer_version_is_told_apart(released: Ksu, namespace: str, tmp_path: Path) -> None:
    damage(namespace, pack(msgspec.json.encode({"format": FORMAT + 1, "wisdom": []})))
    kubectl(namespace, "delete", "configmap", RECORD)
    refused = released("deploy", "shop", "-f", write(tmp_path, VALUES % "3"), "--yes")
    assert refused.status == 1
    assert "a newer version of ks-universal has written it" in refused.out + refused.err

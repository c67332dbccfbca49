"""Values that several threads read for the first time at one moment."""

import threading
from typing import Any

import pytest

from ks_universal import load
from ks_universal.model.conversion import structs

VALUES = "deployments: {app: {replicas: 1, containers: {main: {image: app, imageTag: v1}}}}"


def test_a_thread_that_comes_while_the_format_is_compiled_finds_all_of_its_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make = structs.converter_for
    made: list[Any] = []
    found: list[Any] = []

    def make_beside_another(annotation: Any) -> Any:
        made.append(annotation)
        if len(made) == 2:  # the first key is there
            thread = threading.Thread(target=lambda: found.append(load(["a"], texts={"a": VALUES}).problems))
            thread.start()
            thread.join()
        return make(annotation)

    structs._Struct.of.cache_clear()
    make.cache_clear()
    monkeypatch.setattr(structs, "converter_for", make_beside_another)
    assert load(["a"], texts={"a": VALUES}).problems == ()
    assert found == [()]

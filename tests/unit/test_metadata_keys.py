from pathlib import Path

from ks_universal import metadata_keys

_SOURCES = Path(metadata_keys.__file__).parent


def test_all_labels_and_annotations_of_ours_are_in_one_list() -> None:
    elsewhere = [
        str(file.relative_to(_SOURCES))
        for file in _SOURCES.rglob("*.py")
        if file.name != "metadata_keys.py" and "ks-universal.io/" in file.read_text()
    ]
    assert elsewhere == []


def test_no_key_has_two_names() -> None:
    keys = [value for name, value in vars(metadata_keys).items() if name.isupper()]
    assert len(keys) == len(set(keys))

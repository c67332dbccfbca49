import pytest

from ks_universal.suggestions import nearest, suggest


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("backofLimit", "backoffLimit"),
        ("autoCreateServcie", "autoCreateService"),
        ("REPLICAS", "replicas"),
        ("image-tag", "imageTag"),
        ("shop-databse", "shop-database"),
        ("dbsecrets", "db-secret"),
        ("tga", "tag"),
    ],
)
def test_a_slip_of_the_keyboard_is_seen(name: str, meant: str) -> None:
    assert nearest(name, ["unlike", "shop-cache", meant]) == meant


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("zitadel-masterkey", "zitadel-secrets-yaml"),
        ("harbor-db", "harbor-trivy"),
        ("web-config", "api-config"),
        ("my-application-a", "my-application-b"),
        ("postgres-14", "postgres-15"),
        ("queue.fast.shop", "queue.slow.shop"),
        ("selector", "nodeSelector"),
        ("podLabels", "labels"),
        ("a", "b"),
    ],
)
def test_words_that_names_share_do_not_make_them_near(name: str, other: str) -> None:
    assert nearest(name, [other]) is None


def test_the_nearest_is_taken_and_of_equals_the_first() -> None:
    assert nearest("volume", ["volumeMounts", "volumes", "volum3"]) == "volumes"


def test_few_names_are_listed_where_none_is_near() -> None:
    assert suggest("zebra", ["main", "side", "main"]) == "there is main, side"
    assert suggest("zebra", [f"name-{n}" for n in range(9)]) is None
    assert suggest("zebra", []) is None

"""Secrets that come to be during a run are masked from then on."""

from ks_universal.engine.masking import Mask


def test_what_is_made_later_is_masked_from_then_on() -> None:
    mask = Mask(({"kind": "Secret", "metadata": {"name": "a"}, "stringData": {"PASSWORD": "correct-horse"}},))
    assert mask.text("correct-horse battery-staple") == "*** battery-staple"
    mask.learn(({"kind": "Secret", "metadata": {"name": "b"}, "stringData": {"PASSWORD": "battery-staple"}},))
    assert mask.text("correct-horse battery-staple") == "*** ***"

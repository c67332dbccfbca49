import msgspec
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ks_universal.targets.kubernetes.api.wire import encode

ODD = [*map(chr, (0x1B, 0x7F, 0x80, 0x85, 0x9F, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF)), "\U0001f600", "\\", '"', "é"]
TEXT = st.text(st.sampled_from(ODD) | st.characters(codec="utf-8"))


@given(st.dictionaries(TEXT, TEXT))
def test_what_is_sent_reads_as_the_same_in_json_and_in_yaml(data: dict[str, str]) -> None:
    encoded = encode({"data": data})
    assert msgspec.json.decode(encoded) == {"data": data}
    # Both readers of YAML 1.1: that of the server refuses what PyYAML's refuses.
    assert yaml.load(encoded, yaml.CSafeLoader) == {"data": data}
    assert yaml.load(encoded.decode(), yaml.SafeLoader) == {"data": data}

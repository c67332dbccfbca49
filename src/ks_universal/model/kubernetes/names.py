"""What Kubernetes takes as names, keys and values; Kubernetes' own rules (apimachinery/pkg/util/validation)."""

import re

from ks_universal.digests import sha256_hex

_QUANTITY = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?", re.ASCII)
_FACTORS = {
    **{letter: 1000.0**power for power, letter in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), -3)},
    **{f"{letter}i": 1024.0**power for power, letter in enumerate("KMGTPE", 1)},
}
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_DNS_1035_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_LABEL_PART = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_NOT_IN_PATHS = re.compile(r"[\s/%]")
_PORT_NAME = re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def is_dns_label(text: str) -> bool:
    """A DNS-1123 label: containers, volumes, steps."""
    return len(text) <= 63 and _DNS_LABEL.fullmatch(text) is not None


def is_dns_subdomain(text: str) -> bool:
    """A DNS-1123 subdomain: most objects."""
    return len(text) <= 253 and _DNS_SUBDOMAIN.fullmatch(text) is not None


def is_path_segment(text: str) -> bool:
    """Tell whether a text names an object of any kind: most kinds take less."""
    return text not in (".", "..") and 0 < len(text) <= 253 and not _NOT_IN_PATHS.search(text)


def is_service_name(text: str) -> bool:
    """A DNS-1035 label: Services."""
    return len(text) <= 63 and _DNS_1035_LABEL.fullmatch(text) is not None


def is_port_name(text: str) -> bool:
    """An IANA service name: ports of containers."""
    return len(text) <= 15 and _PORT_NAME.fullmatch(text) is not None


def is_env_name(text: str) -> bool:
    """A variable's name: any printable ASCII but `=` (since Kubernetes 1.34)."""
    return bool(text) and text.isascii() and text.isprintable() and "=" not in text


def is_config_key(text: str) -> bool:
    """A key in the data of a ConfigMap or Secret."""
    return len(text) <= 253 and text not in (".", "..") and _CONFIG_KEY.fullmatch(text) is not None


def is_qualified_name(text: str) -> bool:
    """A label's or annotation's key: `name` or `dns.subdomain/name`."""
    prefix, slash, name = text.rpartition("/")
    return (not slash or is_dns_subdomain(prefix)) and _is_label_part(name)


def is_label_value(text: str) -> bool:
    """A label's value: empty, or like the name part of its key."""
    return text == "" or _is_label_part(text)


def is_quantity(text: str) -> bool:
    """An amount: `100m`, `0.5`, `1e3`, `256Mi`."""
    return _QUANTITY.fullmatch(text) is not None


def read_quantity(text: str) -> float:
    """Give an amount as a number: `256Mi` is 268435456.0. `text` is a quantity."""
    found = _QUANTITY.fullmatch(text)
    suffix = "" if found is None or found[3] is None else found[3]
    if suffix in _FACTORS:
        return float(text.removesuffix(suffix)) * _FACTORS[suffix]
    return float(text)


def job_name(workload: str, step: str | None) -> str:
    """Name the Job of a migration step: `my-app-migrations`, `my-app-migrations-schema`; at most 63 characters."""
    return _shorten("-".join([workload, "migrations", *([] if step is None else [step])]))


def undo_job_name(workload: str, step: str | None, undo: str | None) -> str:
    """Name the Job that undoes a migration step, or one step of that: `my-app-migrations-schema-undo-drop`."""
    parts = [workload, "migrations", *([] if step is None else [step]), "undo", *([] if undo is None else [undo])]
    return _shorten("-".join(parts))


def _shorten(name: str) -> str:
    """Cut a name over 63 characters and end it in a hash of the whole."""
    if len(name) <= 63:
        return name
    return f"{name[:54].rstrip('-.')}-{sha256_hex(name.encode())[:8]}"


def _is_label_part(text: str) -> bool:
    return len(text) <= 63 and _LABEL_PART.fullmatch(text) is not None

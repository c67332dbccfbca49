"""What an application is made of, as one line: tells whether anything of it changed, and what.

A fingerprint is four digests joined by dots: of its images, its configuration, its migrations, and its definition (the
Deployment and everything else). What follows from the image (the version label) or from the configuration (the digest
on the pods) counts there, so that one change in the values changes one part.
"""

from typing import Any

import msgspec

from ks_universal.plan.digest import digest
from ks_universal.plan.release import Member, Release, content_of
from ks_universal.resources.metadata import CONFIG_DIGEST, VERSION

PARTS = ("image", "configuration", "migrations", "definition")


class _Facts(msgspec.Struct):
    """What is taken out of the objects, each value once, in the order of finding; its number stays in its place."""

    images: list[str] = []
    configuration: list[Any] = []


def fingerprint(member: Member, release: Release) -> str:
    """Give the fingerprint of an application. Nothing of it is left out: any change changes some part."""
    facts = _Facts()
    read = dict.fromkeys(subject for workload in member.workloads for subject in release.find_configuration(workload))
    needed = [subject for workload in member.workloads for subject in release.find_surroundings(workload)]
    others = dict.fromkeys(s for s in (*release.list_made_for(member.name), *needed) if s not in read)
    definition = [_take_out(release.objects[subject].body, facts) for subject in others]
    migrations = [_take_out(msgspec.to_builtins(migration), facts) for migration in member.migrations]
    facts.configuration += [(str(subject), content_of(release.objects[subject].body)) for subject in read]
    return ".".join(digest(part) for part in (facts.images, facts.configuration, migrations, definition))


def name_changes(old: str, new: str) -> str:
    """Say which parts differ: `image and configuration`."""
    changed = [name for name, a, b in zip(PARTS, old.split("."), new.split("."), strict=False) if a != b]
    *most, last = changed or ["format of the record"]
    return f"{', '.join(most)} and {last}" if most else last


def _take_out(value: Any, facts: _Facts) -> Any:
    if isinstance(value, dict):
        return {key: _number(key, item, facts) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_take_out(item, facts) for item in value]
    return value


def _number(key: str, value: Any, facts: _Facts) -> Any:
    if not isinstance(value, str) or key not in ("image", VERSION, CONFIG_DIGEST):
        return _take_out(value, facts)
    found = facts.configuration if key == CONFIG_DIGEST else facts.images
    if value not in found:
        found.append(value)
    return found.index(value)

"""What containers, volumes and networks of a release are called in an engine, and by which labels they are found.

Names count for the whole engine. So each has a part that tells the folder of the release's state: two releases of one
name in two folders never meet.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from ks_universal import metadata_keys


class Naming(msgspec.Struct, frozen=True):
    """Names things of one release; `id` tells the folder of its state."""

    release: str
    id: str

    @property
    def network(self) -> str:
        """The network of the release."""
        return f"{self.release}-{self.id}"

    def name(self, *words: str) -> str:
        """Name a container or volume."""
        return "-".join((self.release, *words, self.id))

    def labels(self, **more: str) -> list[str]:
        """Give the options that label something."""
        labels = {metadata_keys.RELEASE: self.release, metadata_keys.STATE: self.id}
        return [f"--label={key}={value}" for key, value in (labels | self._qualify(more)).items()]

    def filters(self, **labels: str) -> list[str]:
        """Give the options that find what is labelled so.

        Of several labels podman wants all of a container, and any of a volume: so each tells the release, too.
        """
        return [f"--filter=label={key}={value}" for key, value in self._qualify(labels).items()]

    def _qualify(self, labels: Mapping[str, str]) -> dict[str, str]:
        return {f"{metadata_keys.OWN}{key}": f"{self.id}-{value}" for key, value in labels.items()}


def name_for(state: Path) -> Naming:
    """Give the names for the release whose state is in a folder."""
    path = state.absolute()
    return Naming(path.name, hashlib.sha256(str(path).encode()).hexdigest()[:8])

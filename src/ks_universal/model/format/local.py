"""`local`: what a laptop needs to run the release; other targets ignore it."""

from ks_universal.model.format.types import Format, Text


class LocalPostgres(Format, frozen=True, kw_only=True):
    """An embedded PostgreSQL server for the release; `port` None: any free one."""

    version: str | None = None
    database: str = "app"
    user: str = "app"
    password: str = "app"  # noqa: S105 - a throwaway server on the loopback interface
    port: int | None = None


class LocalImage(Format, frozen=True, kw_only=True):
    """What stands for an image: where its processes run, what comes before their command, what is in their env."""

    directory: str = "."
    command: tuple[str, ...] = ()
    env: dict[str, Text] = {}


class Local(Format, frozen=True, kw_only=True):
    """The section. `env` overrides the variables of all containers; `images` is keyed by image with or without tag."""

    postgres: LocalPostgres | None = None
    env: dict[str, Text] = {}
    images: dict[str, LocalImage] = {}

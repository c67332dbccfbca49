"""`local`: what a laptop needs to run the release; other targets ignore it."""

from ks_universal.model.format.types import Format, Text


class LocalPostgres(Format, frozen=True, kw_only=True):
    """An embedded PostgreSQL server for the release; `port` None: any free one, for containers 5432.

    `host` is what containers call it.
    """

    version: str | None = None
    database: str = "app"
    user: str = "app"
    password: str = "app"  # noqa: S105 - a throwaway server on the loopback interface
    port: int | None = None
    host: str = "postgres"


class LocalImage(Format, frozen=True, kw_only=True):
    """What stands for an image: where its processes run, what comes before their command, what is in their env.

    `watch`: the files and folders, relative to `directory`, that count as its tag does.
    """

    directory: str = "."
    command: tuple[str, ...] = ()
    env: dict[str, Text] = {}
    watch: tuple[str, ...] = ()


class LocalBuild(Format, frozen=True, kw_only=True):
    """How an image is built, in the words of compose files; `dockerfile` is relative to `context`."""

    context: str = "."
    dockerfile: str | None = None
    target: str | None = None
    args: dict[str, Text] = {}


class LocalMount(Format, frozen=True, kw_only=True):
    """A file or folder of this machine, and where containers have it."""

    source: str
    target: str
    read_only: bool = False


class Local(Format, frozen=True, kw_only=True):
    """The section. `env` overrides the variables of all containers.

    `images`, `build` and `mounts` are keyed by image, with or without tag; `ports` by Service or workload, then by the
    number or name of a port: they give the port of this machine.
    """

    postgres: LocalPostgres | None = None
    env: dict[str, Text] = {}
    images: dict[str, LocalImage] = {}
    build: dict[str, LocalBuild] = {}
    mounts: dict[str, tuple[LocalMount, ...]] = {}
    ports: dict[str, dict[str, int]] = {}

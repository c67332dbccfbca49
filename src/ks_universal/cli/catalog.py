"""The commands as the help and completion list them: in groups, each with a summary and examples.

They stand here, and not with the commands, so that the list is shown without importing one.
"""

SECTIONS: dict[str, dict[str, str]] = {
    "Values": {
        "init": "Write values to start from",
        "validate": "Check values: all findings at once",
        "explain": "Say what a key or a finding means",
        "schema": "Print a JSON Schema for editors",
        "template": "Print or write the Kubernetes manifests",
        "convert": "Take over values of the Helm chart",
        "import": "Turn manifests into values",
    },
    "This machine": {
        "up": "Run a release here, migrations first",
        "down": "Stop a release that runs here",
        "exec": "Run a command in a container here",
        "rehearse": "Try migrations on a throwaway database",
    },
    "Cluster": {
        "plan": "Show what a deploy would change (dry run, diff)",
        "deploy": "Install or upgrade a release, migrations first",
        "migrate": "Run only the migrations of a deploy",
        "rollback": "Go back to an earlier revision",
        "uninstall": "Remove a release",
    },
    "Observation": {
        "list": "List the releases of a namespace or cluster",
        "status": "Say what runs, and why the last run failed",
        "logs": "Show the logs of migrations",
        "history": "List the revisions of a release",
    },
    "Administration": {
        "rbac": "Print the smallest Role for a deploy",
        "unlock": "Free a release of a run that died",
        "controller": "Carry out Release objects in a cluster",
    },
    "This program": {
        "completion": "Print a shell's completion script",
        "version": "Print the version",
    },
}
COMMANDS = tuple(name for section in SECTIONS.values() for name in section)

MEANT = {
    "apply": "deploy", "check": "validate", "create": "init", "delete": "uninstall", "destroy": "uninstall",
    "diff": "plan", "get": "status", "install": "deploy", "lint": "validate", "log": "logs", "ls": "list",
    "new": "init", "ps": "status", "remove": "uninstall", "render": "template", "revisions": "history", "run": "up",
    "start": "up", "stop": "down", "test": "rehearse", "undo": "rollback", "update": "deploy", "upgrade": "deploy",
}  # fmt: skip
"""What other tools call a command, to its name here."""

EXAMPLES: dict[str, tuple[str, ...]] = {
    "init": ("init", "init --tool alembic --name shop --image registry.example.com/shop:1.0.0"),
    "validate": (
        "validate values.yaml",
        "validate -f values.yaml -f values.prod.yaml --kube-version 1.30 --policy restricted",
    ),
    "explain": ("explain deployments.*.migrations", "explain migrations/locked"),
    "schema": ("schema > values.schema.json",),
    "template": (
        "template shop -f values.yaml -n shop",
        "template shop -f values.yaml --flavor flux --out-dir apps/shop",
    ),
    "convert": ("convert -f helm-values.yaml > values.yaml",),
    "import": ("import -f manifests.yaml > values.yaml",),
    "up": ("up shop -f values.yaml -f values.local.yaml --watch", "up shop -f values.yaml --engine podman"),
    "down": ("down shop", "down shop --fresh"),
    "exec": ("exec shop web -- alembic current", "exec shop web -c sidecar -- sh"),
    "rehearse": (
        "rehearse shop -f values.yaml --base old.sql",
        "rehearse --command 'alembic upgrade head' --fail-on error",
    ),
    "plan": ("plan shop -f values.yaml -n shop", "plan shop -f values.yaml --out shop.plan"),
    "deploy": ("deploy shop -f values.yaml -n shop", "deploy shop -f values.yaml --plan shop.plan --timeout 15m"),
    "migrate": ("migrate shop -f values.yaml -n shop",),
    "rollback": ("rollback shop", "rollback shop 3 --migrate-down"),
    "uninstall": ("uninstall shop -n shop",),
    "list": ("list -n shop", "list --all-namespaces"),
    "status": ("status shop -n shop", "status shop -o json"),
    "logs": ("logs shop", "logs shop shop/migrations --attempt 1"),
    "history": ("history shop", "history shop --diff 3 4"),
    "rbac": ("rbac shop -f values.yaml -n shop --service-account ci:deployer",),
    "unlock": ("unlock shop -n shop",),
    "controller": ("controller manifests --image registry.example.com/ks-universal:1", "controller account shop"),
    "completion": ("completion bash",),
    "version": ("version",),
}
"""What may be written after `ks-universal`; a test reads each by the options of its command."""


def format_examples(command: str) -> str:
    """Write a command's examples as the end of its help, in lines that click leaves as they are."""
    return "\n".join(("\b", "Examples:", *(f"  ks-universal {example}" for example in EXAMPLES[command])))

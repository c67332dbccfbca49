import asyncio

from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.api.kinds import POD
from support.cluster_release import api
from support.deploying import kubectl
from support.pod_security_cases import CASES, Case


async def is_refused(client: Client, case: Case) -> bool:
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": case.id}, "spec": case.pod}
    try:
        await client.apply(POD, body, dry_run=True)
    except ApiError as error:
        assert error.problem.code == "kubernetes/pod-security", f"{case.id}: {error.problem.message}"
        return True
    return False


def test_early_truth_the_policies_refuse_what_the_clusters_own_admission_refuses(namespace: str) -> None:
    async def ask(policy: str) -> dict[str, bool]:
        async with api(namespace) as client:
            return {case.id: await is_refused(client, case) for case in CASES if case.policy == policy}

    for policy in ("baseline", "restricted"):
        kubectl(
            namespace, "label", "--overwrite", "namespace", namespace, f"pod-security.kubernetes.io/enforce={policy}"
        )
        assert asyncio.run(ask(policy)) == {case.id: bool(case.controls) for case in CASES if case.policy == policy}

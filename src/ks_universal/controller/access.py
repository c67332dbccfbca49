"""By whose rights releases are carried out: each by those of an account of its own namespace."""

from ks_universal.controller.releases import Key, ReleaseSpec
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.record.lease import Claim
from ks_universal.targets.kubernetes.target import ClusterOptions, KubernetesTarget


class Access:
    """Acts for releases over a connection; `default_account` is for those that name none, `claim` takes their locks."""

    def __init__(self, client: Client, *, default_account: str, claim: Claim, lease_s: int) -> None:
        self._client = client
        self._default_account = default_account
        self._claim = claim
        self._lease_s = lease_s

    def name_user(self, key: Key, spec: ReleaseSpec) -> str:
        """Name the account of a release as the API server knows it."""
        return f"system:serviceaccount:{key.namespace}:{spec.service_account_name or self._default_account}"

    def impersonate(self, key: Key, spec: ReleaseSpec) -> Client:
        """Give a client with the rights of a release's account, in its namespace."""
        return self._client.impersonating(self.name_user(key, spec)).within(key.namespace)

    def open(self, key: Key, spec: ReleaseSpec, *, take_ownership: bool = False) -> KubernetesTarget:
        """Give a release as a target; to be closed."""
        options = ClusterOptions(
            take_ownership=take_ownership,
            delete_data=spec.delete_data,
            lease_s=self._lease_s,
            claim=self._claim,
        )
        return KubernetesTarget(self.impersonate(key, spec), key.name, options)

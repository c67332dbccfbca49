"""Where a PodSpec names ConfigMaps, Secrets and claims: the field, and the kind that it names."""

ENV_SOURCES = (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret"))
"""Of `valueFrom`."""
ENV_FROM_SOURCES = (("configMapRef", "ConfigMap"), ("secretRef", "Secret"))
VOLUME_SOURCES = (
    ("configMap", "name", "ConfigMap"),
    ("secret", "secretName", "Secret"),
    ("persistentVolumeClaim", "claimName", "PersistentVolumeClaim"),
)
"""The middle one is the key that holds the name."""
PROJECTED_SOURCES = (("configMap", "ConfigMap"), ("secret", "Secret"))
"""Of a `projected` volume, where each holds the name under `name`."""

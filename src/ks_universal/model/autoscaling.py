"""HorizontalPodAutoscalers: section 20 of the reference."""

from typing import Annotated

from ks_universal.model.types import Format, Inline, Json, Labels


class Autoscaler(Format, frozen=True, kw_only=True):
    """`deployments.NAME.hpa`, or `hpas.NAME`, which scales the deployment of its own name or its `scaleTargetRef`."""

    namespace: str | None = None
    labels: Labels = {}
    annotations: Labels = {}
    kubernetes: Annotated[Json, Inline("HorizontalPodAutoscalerSpec")] = {}

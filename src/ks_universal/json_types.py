"""JSON as Python holds it."""

from typing import Any

Json = dict[str, Any]
"""An object of JSON: of the API server, of a manifest, of a message."""

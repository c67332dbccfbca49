"""An API server of Kubernetes in memory, with the controllers and the node that the tests of the target need."""

from support.fake_api_server.kubelet import Program
from support.fake_api_server.server import FakeApiServer, Fault

__all__ = ["FakeApiServer", "Fault", "Program"]

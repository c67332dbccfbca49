"""Which proxy leads to an API server, by the rules of Go's programs, kubectl among them (x/net/http/httpproxy).

`HTTPS_PROXY` and `HTTP_PROXY` by the server's scheme, not `ALL_PROXY`; never for this machine itself; `NO_PROXY` has
addresses, networks and domains.
"""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import httpx2
import msgspec
from lightkube.core.exceptions import ConfigError

_SCHEMES = frozenset(("http", "https", "socks5", "socks5h"))

_Address = IPv4Address | IPv6Address


class Proxy(msgspec.Struct, frozen=True):
    """A proxy's URL, with credentials where it has some, and where it was found."""

    url: str
    source: str

    def __str__(self) -> str:
        """Name it for people, without credentials."""
        return f"{httpx2.URL(self.url).host} ({self.source})"


def find_proxy(server: str, proxy_url: str | None, environment: Mapping[str, str]) -> Proxy | None:
    """Find the proxy for a server; `proxy_url` is the kubeconfig's, which comes before all else.

    Raises ConfigError for what is no address of a proxy.
    """
    if proxy_url:
        return Proxy(_check(proxy_url, "proxy-url"), "proxy-url of the kubeconfig")
    address = httpx2.URL(server)
    names = ("HTTPS_PROXY", "https_proxy") if address.scheme == "https" else ("HTTP_PROXY", "http_proxy")
    source = next((name for name in names if environment.get(name)), None)
    if source is None or not _is_for(address, environment.get("NO_PROXY") or environment.get("no_proxy") or ""):
        return None
    url = environment[source]
    return Proxy(_check(url if "://" in url else f"http://{url}", source), source)


def _check(url: str, source: str) -> str:
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        parsed = httpx2.URL("")
    if parsed.scheme not in _SCHEMES or not parsed.host:
        raise ConfigError(f"{source} is no address of a proxy: it has to begin with http://, https:// or socks5://")
    return url


def _is_for(server: httpx2.URL, exceptions: str) -> bool:
    """Tell whether a proxy of the environment is to be used for a server."""
    host, address = server.host.rstrip("."), _read_address(server.host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return False
    port = server.port or (443 if server.scheme == "https" else 80)
    words = (word.strip().lower() for word in exceptions.split(","))
    return not any(word == "*" or _matches(word, host, address, port) for word in words if word)


def _matches(exception: str, host: str, address: _Address | None, port: int) -> bool:
    if "/" in exception:
        try:
            return address is not None and address in ip_network(exception, strict=False)
        except ValueError:
            return False
    name, wanted = _split_port(exception)
    if wanted is not None and wanted != port:
        return False
    if (known := _read_address(name)) is not None:
        return known == address
    domain = name.removeprefix("*")
    return host.endswith(domain) if domain.startswith(".") else host == domain or host.endswith(f".{domain}")


def _split_port(exception: str) -> tuple[str, int | None]:
    name, colon, port = exception.rpartition(":")
    if colon and port.isdigit() and (":" not in name or name.endswith("]")):
        return name.strip("[]"), int(port)
    return exception.strip("[]"), None


def _read_address(text: str) -> _Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None

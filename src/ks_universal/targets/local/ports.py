"""Whether a TCP port of this machine is free."""

import errno
import socket

LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - asked for, not listened on


def is_port_taken(port: int, *addresses: str) -> bool:
    """Tell whether somebody listens where one of these addresses does."""
    for address in addresses:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    return True
    return False

"""Runs a command in a network of its own, in which there is nothing but one port: that of the rehearsal's database.

    python isolated.py PORT COMMAND...

Whatever the command has in its files, it reaches no other database: all addresses are those of an empty network
namespace. What it connects to at 127.0.0.1:PORT there is led to the same port of this machine. Ends with the command's
status, or with 120 where the system allows no such namespace. Started as a file, without the package, so that it
starts fast.
"""

import ctypes
import fcntl
import os
import selectors
import socket
import struct
import sys
import threading

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
NOT_ALLOWED = 120
PR_SET_PDEATHSIG = 1
SIGKILL = 9
# From linux/sockios.h and linux/if.h.
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
_PIECE = 65536
_HOST = "127.0.0.1"


def main(port: int, *command: str) -> None:
    """Run the command, and lead its connections until it and they have ended."""
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        _become(port, theirs, command)
    theirs.close()
    listener = _receive(ours)
    if listener is None:
        _, status = os.waitpid(child, 0)
        sys.exit(os.waitstatus_to_exitcode(status))
    # What reads the command's output must see its end.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    threading.Thread(target=_listen, args=(listener, port), daemon=True).start()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def _become(port: int, link: socket.socket, command: tuple[str, ...]) -> None:
    """Enter the namespace, hand its listening port over, and become the command."""
    try:
        enter_network()
        listener = socket.create_server((_HOST, port), backlog=128)
    except (OSError, AttributeError):  # no such call: not Linux
        os._exit(NOT_ALLOWED)
    socket.send_fds(link, [b"x"], [listener.fileno()])
    listener.close()
    link.close()
    try:
        os.execvp(command[0], command)  # noqa: S606 - this is what it is for
    except OSError:
        os._exit(127)


def enter_network() -> None:
    """Enter a network namespace of its own, in which 127.0.0.1 is up. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    uid, gid = os.getuid(), os.getgid()
    if uid != 0 or libc.unshare(CLONE_NEWNET) != 0:
        if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        for file, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            descriptor = os.open(f"/proc/self/{file}", os.O_WRONLY)
            os.write(descriptor, text.encode())
            os.close(descriptor)
    with socket.socket() as link:
        fcntl.ioctl(link, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def _receive(link: socket.socket) -> socket.socket | None:
    """Take the listening port that the child has opened; None where it could not."""
    _, descriptors, _, _ = socket.recv_fds(link, 1, 1)
    return socket.socket(fileno=descriptors[0]) if descriptors else None


def _listen(listener: socket.socket, port: int) -> None:
    while True:
        client, _ = listener.accept()
        threading.Thread(target=_lead, args=(client, port), daemon=True).start()


def _lead(client: socket.socket, port: int) -> None:
    """Lead a connection to the port of this machine; either side's end is the other's."""
    with client, socket.create_connection((_HOST, port)) as server, selectors.DefaultSelector() as selector:
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(client, selectors.EVENT_READ, server)
        selector.register(server, selectors.EVENT_READ, client)
        while True:
            for key, _ in selector.select():
                source: socket.socket = key.fileobj  # type: ignore[assignment]
                piece = source.recv(_PIECE)
                if not piece:
                    return
                key.data.sendall(piece)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])

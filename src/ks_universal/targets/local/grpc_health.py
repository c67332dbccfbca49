"""The health of a gRPC server, as the kubelet asks for it: `grpc.health.v1.Health/Check`, without TLS.

The two messages have a field each, so no library of gRPC is needed: request.service = 1, response.status = 1.
"""

import struct

_CHECK = "/grpc.health.v1.Health/Check"
_HEADERS = {"content-type": "application/grpc+proto", "te": "trailers", "user-agent": "ks-universal-probe"}
_FRAME = struct.Struct(">?I")  # whether it is compressed, and its length
_SERVING = b"\x08\x01"


async def is_serving(host: str, port: int, service: str) -> bool:
    """Ask a server whether it, or one of its services, is SERVING. Raises OSError where none answers in HTTP/2."""
    import httpx2

    name = service.encode()
    message = b"\x0a" + _encode_length(len(name)) + name if name else b""
    try:
        # Of this machine: no proxy leads there, and nobody waits longer than the probe does.
        async with httpx2.AsyncClient(http1=False, http2=True, verify=False, trust_env=False, timeout=None) as client:
            answer = await client.post(f"http://{host}:{port}{_CHECK}", content=_frame(message), headers=_HEADERS)
    except httpx2.HTTPError as error:
        raise ConnectionError(str(error)) from error
    # A refusal (an unknown service, no such method) has no message.
    return answer.status_code == 200 and answer.content == _frame(_SERVING)


def _frame(message: bytes) -> bytes:
    return _FRAME.pack(False, len(message)) + message


def _encode_length(length: int) -> bytes:
    """Encode a number as protobuf does: seven bits a byte, the low ones first."""
    encoded = bytearray()
    while length > 0x7F:
        encoded.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([*encoded, length])

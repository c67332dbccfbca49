"""What httpcore2 leaves: the socket of a TLS handshake that fails or is cancelled, until garbage is collected."""

# `start_tls` closes it after some errors alone; the warning would be one of whatever test runs then.
UNCLOSED = (
    "ignore:Exception ignored in. <(function _SelectorTransport|socket.socket):pytest.PytestUnraisableExceptionWarning"
)

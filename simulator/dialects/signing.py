"""Signatures over the exact bytes of a webhook."""

import hashlib
import hmac


def sha256(secret: str, body: bytes) -> str:
    """`sha256=` and the lower-case hex HMAC, the form Meta introduced and others copied."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()

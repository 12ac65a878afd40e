"""Signatures over the exact bytes of a webhook."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping


def sha256(secret: str, body: bytes) -> str:
    """`sha256=` and the lower-case hex HMAC, the form Meta introduced and others copied."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def token_hs256(secret: str, body: bytes, claims: Mapping[str, object]) -> str:
    """A JSON Web Token with those claims and the body's hex digest as `payload_hash`."""
    whole = {**claims, "payload_hash": hashlib.sha256(body).hexdigest()}
    head = f"{_part({'typ': 'JWT', 'alg': 'HS256'})}.{_part(whole)}"
    return f"{head}.{_base64(hmac.new(secret.encode(), head.encode(), hashlib.sha256).digest())}"


def _part(content: Mapping[str, object]) -> str:
    return _base64(json.dumps(content).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

"""JSON Web Tokens: signing with a private key, verifying with shared secrets.

When a token is too old is for the caller to say, who knows the time.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import jwt
import msgspec
from jwt.algorithms import HMACAlgorithm

from lib.reading import decode

_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.+?)-----END \1-----", re.DOTALL)
_LINE = 64


class _AnyLength(HMACAlgorithm):
    """A BSP's secret is as long as the BSP makes it, so a warning could lead to nothing."""

    def check_key_length(self, key: bytes) -> None:
        return None


_signer = jwt.PyJWS(algorithms=["RS256"])
_verifier = jwt.PyJWS(algorithms=[])
_verifier.register_algorithm("HS256", _AnyLength(HMACAlgorithm.SHA256))


def signed_rs256(claims: Mapping[str, Any], private_key: str) -> str:
    """A token with those claims; the same claims and key give the same token.

    Raises ValueError when the key is no unencrypted RSA key in PEM.
    """
    try:
        return _signer.encode(msgspec.json.encode(claims), pem(private_key), "RS256")
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError) as error:
        raise ValueError("not an RSA private key in PEM without a passphrase") from error


def verified_hs256(token: str, secrets: Iterable[str]) -> dict[str, Any] | None:
    """The claims of a token signed with one of the secrets; None when it is not, or there is none."""
    found = None
    for secret in secrets:  # to the end, as in lib.signatures
        found = _claims(token, secret) or found
    return found


def pem(key: str) -> str:
    """The key with its lines as PEM wants them.

    A text input drops the line breaks of what is pasted into it, and environment files and
    dashboards write them as a backslash and an n. Raises ValueError when there is no key in it.
    """
    found = _PEM.search(key.replace("\\r", "").replace("\\n", "\n"))
    if found is None:
        raise ValueError("not in PEM: the lines BEGIN and END are part of it")
    body = "".join(found[2].split())
    lines = [body[start : start + _LINE] for start in range(0, len(body), _LINE)]
    return "\n".join([f"-----BEGIN {found[1]}-----", *lines, f"-----END {found[1]}-----", ""])


def _claims(token: str, secret: str) -> dict[str, Any] | None:
    if not secret:
        return None
    try:
        claims = decode(_verifier.decode(token, secret, algorithms=["HS256"]))
    except (jwt.PyJWTError, ValueError):
        return None
    return claims if isinstance(claims, dict) else None

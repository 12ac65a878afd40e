"""JSON Web Tokens: signing with a private key, verifying with shared secrets.

The caller knows the time, and decides when a token is too old.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import jwt
import msgspec
from jwt.algorithms import HMACAlgorithm

from lib.reading import decode

_BEGIN = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")
_LINE = 64


class _AnyLength(HMACAlgorithm):
    """The BSP decides how long its secret is, so a warning about a short one would not help."""

    def check_key_length(self, key: bytes) -> None:
        return None


_signer = jwt.PyJWS(algorithms=["RS256"])
_verifier = jwt.PyJWS(algorithms=[])
_verifier.register_algorithm("HS256", _AnyLength(HMACAlgorithm.SHA256))


def signed_rs256(claims: Mapping[str, Any], private_key: str) -> str:
    """A token with those claims; the same claims and key give the same token.

    Raises ValueError if the key is not an unencrypted RSA key in PEM.
    """
    try:
        return _signer.encode(msgspec.json.encode(claims), pem(private_key), "RS256")
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError) as error:
        raise ValueError("not an RSA private key in PEM without a passphrase") from error


def verified_hs256(token: str, secrets: Iterable[str]) -> dict[str, Any] | None:
    """The claims of a token signed with one of the secrets; None if it is not signed with one of them, or if
    there is no secret."""
    found = None
    for secret in secrets:  # to the end, as in lib.signatures
        claims = _claims(token, secret)
        found = found if claims is None else claims
    return found


def pem(key: str) -> str:
    """The key with its lines as PEM wants them.

    A text input drops the line breaks of what is pasted into it, and environment files and
    dashboards write them as a backslash and an n. Raises ValueError when there is no key in it.
    """
    key = key.replace("\\r", "").replace("\\n", "\n")
    begun = _BEGIN.search(key)
    inside, ended, _ = key[begun.end() :].partition(f"-----END {begun[1]}-----") if begun else ("", "", "")
    if begun is None or not inside or not ended:
        raise ValueError("not in PEM: the lines BEGIN and END are part of it")
    body = "".join(inside.split())
    lines = [body[start : start + _LINE] for start in range(0, len(body), _LINE)]
    return "\n".join([begun[0], *lines, f"-----END {begun[1]}-----", ""])


def _claims(token: str, secret: str) -> dict[str, Any] | None:
    if not secret:
        return None
    try:
        claims = decode(_verifier.decode(token, secret, algorithms=["HS256"]))
    except (jwt.PyJWTError, ValueError):
        return None
    return claims if isinstance(claims, dict) else None

"""Proofs of origin on incoming webhooks, checked in constant time against every live secret."""

import hmac
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha1, sha256
from urllib.parse import parse_qsl, urlsplit


def same_secret(given: str, secrets: Iterable[str]) -> bool:
    """Whether `given` is one of the secrets. False if there is no secret."""
    return _any_equal(_bytes(given), [_bytes(secret) for secret in secrets if secret])


def signed_sha256(signature: str, body: bytes, secrets: Iterable[str], prefix: str = "sha256=") -> bool:
    """Whether `signature` is `prefix` and the hex HMAC-SHA256 of the raw body under one of the secrets.

    The body must be the bytes as they arrived: JSON that was parsed and written again differs
    at the first accent. False when there is no secret.
    """
    signature = signature.strip()
    if not signature.startswith(prefix):
        return False
    given = _bytes(signature.removeprefix(prefix).lower())
    digests = [hmac.new(_bytes(secret), body, sha256).hexdigest() for secret in secrets if secret]
    return _any_equal(given, [_bytes(digest) for digest in digests])


def signed_form(signature: str, url: str, body: bytes, secrets: Iterable[str]) -> bool:
    """Whether `signature` is the base64 HMAC-SHA1 of the URL and the form's fields under one of the secrets.

    The fields follow the URL in the order of their names, each name right before its value, and what is
    there twice is signed once. The URL must be the one that was called, with its query. A body that is no
    form is named in the URL by its digest, `bodySHA256`, and the URL alone is signed. False when there is
    no secret. Source: Twilio, "Webhooks security".
    """
    form = set(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    if digest := dict(parse_qsl(urlsplit(url).query)).get("bodySHA256"):
        if not same_secret(digest, [sha256(body).hexdigest()]):
            return False
        form = set()
    fields = "".join(name + value for name, value in sorted(form))
    signed = [_bytes(each + fields) for each in _with_and_without_port(url)]
    digests = [
        hmac.new(_bytes(secret), each, sha1).digest() for secret in secrets if secret for each in signed
    ]
    return _any_equal(_bytes(signature.strip()), [b64encode(digest) for digest in digests])


def _with_and_without_port(url: str) -> tuple[str, str]:
    """Either may be what was signed, whichever was given."""
    parts = urlsplit(url)
    name, _, port = parts.netloc.rpartition(":")
    usual = 443 if parts.scheme == "https" else 80
    other = name if port.isdecimal() else f"{parts.netloc}:{usual}"
    return url, f"{parts.scheme}://{other}{url[len(parts.scheme) + 3 + len(parts.netloc) :]}"


def _any_equal(given: bytes, wanted: list[bytes]) -> bool:
    found = False
    for one in wanted:  # compares all of them: stopping at a match would reveal by the time which one it was
        found |= hmac.compare_digest(given, one)
    return found


def _bytes(value: str) -> bytes:
    # Headers are decoded leniently, so a hostile one may hold lone surrogates.
    return value.encode("utf-8", "surrogatepass")

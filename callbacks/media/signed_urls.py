"""Our URL of an inbound message's media: signed, and good for a limited time."""

import msgspec
from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.urls import reverse

from callbacks.models import Media, Reply
from providers.messages import Reply as Inbound


def _signer() -> TimestampSigner:
    return TimestampSigner(salt="inbound media")


def reachable(reply: Reply, inbound: Inbound) -> Inbound:
    """The message with a media URL that CleverTap can fetch: ours, where the reply has a `Media` row."""
    if inbound.media is None or not hasattr(reply, "media"):
        return inbound
    return msgspec.structs.replace(inbound, media=msgspec.structs.replace(inbound.media, url=url(reply.pk)))


def url(reply_id: int) -> str:
    """Our URL of the reply's media, good for MEDIA_URL_SECONDS."""
    return f"{settings.PUBLIC_BASE_URL}{reverse('media', args=[_signer().sign(str(reply_id))])}"


def media_of(token: str) -> Media | None:
    """The media that a token of ours leads to; None when it is forged, too old, or gone."""
    try:
        reply_id = int(_signer().unsign(token, max_age=settings.MEDIA_URL_SECONDS))
    except (BadSignature, ValueError):
        return None
    return Media.objects.select_related("reply__provider").filter(reply_id=reply_id).first()

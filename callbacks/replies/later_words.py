"""Edits and deletions of inbound messages, in whatever order they and their messages arrive."""

from collections.abc import Collection

import msgspec

from callbacks.models import Reply
from providers.messages import Reply as Inbound


def apply(provider_id: int, new: Collection[Inbound]) -> None:
    """Gives messages the words of their last edit, and notes who deleted what.

    `new` are the inbound messages that were just stored, in the caller's transaction.
    """
    ids = {reply.about_bsp_id or reply.bsp_id for reply in new} - {""}
    later = Reply.objects.filter(provider=provider_id, about__in=ids).order_by("at", "id")
    changes: dict[str, list[Reply]] = {}
    for change in later:
        changes.setdefault(change.about, []).append(change)
    if not changes:
        return
    messages = Reply.objects.select_for_update().filter(provider=provider_id, bsp_id__in=list(changes))
    for message in messages.order_by("pk"):
        own = [change for change in changes[message.bsp_id] if _of_one_person(message, change)]
        for change in own:
            _change(message, change)
        message.save(update_fields=["text", "first_text", "content", "edited_at", "deleted_at"])
        for change in own:
            if change.answers_id is None and message.answers_id is not None:
                Reply.objects.filter(pk=change.pk).update(answers=message.answers_id)


def _of_one_person(message: Reply, change: Reply) -> bool:
    """Whether both are one person's: one of them may have come before the number was known."""
    names = {message.sender, message.user_id} & {change.sender, change.user_id}
    return bool(names - {""})


def _change(message: Reply, change: Reply) -> None:
    if change.kind == "revoke":
        message.deleted_at = change.at
        return
    if message.edited_at is None:
        message.first_text = message.text
    message.edited_at = change.at
    message.text = change.text
    content = msgspec.json.decode(message.content, type=Inbound)
    media = content.media and msgspec.structs.replace(content.media, caption=change.text)
    edited = msgspec.structs.replace(content, text=change.text, media=media)
    message.content = msgspec.json.encode(edited).decode()

"""What Meta's webhooks report about templates. Interakt passes them on with the same keys.

Source: Meta, "Webhooks > message_template_status_update, message_template_quality_update,
message_template_components_update, template_category_update". An announced category (`correct_category`) is
not in force yet. The webhook has new components in another form than the list, without the buttons' order. So
it only says that the list has changed.
"""

from lib.reading import at, epoch, first, text
from providers.messages import TemplateUpdate
from providers.outcomes import EXCERPT

EDITED = "message_template_components_update"
FIELDS = frozenset({
    "message_template_status_update", "message_template_quality_update", "template_category_update", EDITED,
})  # fmt: skip


def read_update(field: str, value: object, moment: int) -> TemplateUpdate | None:
    """The update in the `value` of such a field; None when it names no template or changes nothing.

    The sample for the quality names the status field, so the keys decide and not the field's name.
    """
    if field not in FIELDS:
        return None
    announced = bool(text(value, "correct_category"))
    update = TemplateUpdate(
        name=text(value, "message_template_name"),
        language=text(value, "message_template_language").replace("-", "_"),
        bsp_id=text(value, "message_template_id"),
        status=text(value, "event").upper(),
        quality=text(value, "new_quality_score").upper(),
        category="" if announced else text(value, "new_category").upper(),
        reason=_reason(value),
        edited=field == EDITED,
        timestamp=moment or epoch(value, "timestamp"),
    )
    named = (update.name and update.language) or update.bsp_id
    tells = update.status or update.quality or update.category or update.edited
    return update if named and tells else None


def _reason(value: object) -> str:
    """The reason that the webhook gives; empty for `NONE` and null."""
    word = text(value, "reason")
    details = first(
        text(value, "rejection_info", "reason"),
        text(value, "other_info", "description"),
        text(at(value, "disable_info"), "disable_date"),
    )
    return ": ".join(part for part in ("" if word == "NONE" else word, details) if part)[:EXCERPT]

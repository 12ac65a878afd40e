"""A report is about the message that it says, or about none: after a restore ids begin again."""

from typing import Any

import pytest
from django.utils import timezone

from callbacks import audit
from callbacks.models import Webhook
from campaigns.ledger import ledger, lives, matching
from campaigns.models import Attempt, Installation, Message, Status
from providers.messages import StatusUpdate
from providers.models import Provider
from tests.admin.conftest import webhook
from tests.factories import MessageFactory

MIRA, ASHA = "15550100001", "15550100002"
KEPT, LOST = "recorded", "unmatched"


def sent(
    provider: Provider, to: str = MIRA, bsp_id: str = "wamid.1", attempt: int = 1, **values: Any
) -> Message:
    """A message that the BSP took."""
    row = MessageFactory(
        provider=provider, to=to, bsp_id=bsp_id, attempt=attempt, status=Status.ACCEPTED, **values
    )
    tried(row, attempt, bsp_id)
    return row


def tried(row: Message, number: int, bsp_id: str) -> None:
    Attempt.objects.create(
        message=row, number=number, started_at=timezone.now(), outcome="accepted", bsp_id=bsp_id
    )


def told(provider: Provider, **said: Any) -> str:
    (outcome,) = ledger.record(provider.pk, [StatusUpdate("delivered", **said)])
    return outcome


def test_after_a_restore_a_report_on_a_lost_message_is_credited_to_nobody(provider: Provider) -> None:
    lives.begin()
    row = sent(provider)
    given = matching.reference(row.pk, 1)
    Message.objects.all().delete()  # as a backup from before brings it back: the id is free again
    lives.begin()
    again = sent(provider, ASHA, "wamid.2", id=row.pk)
    assert matching.reference(again.pk, 1) != given
    assert told(provider, reference=given) == LOST
    assert told(provider, reference=matching.reference(again.pk, 1)) == KEPT


def test_a_report_on_a_message_from_before_the_backup_still_counts(provider: Provider) -> None:
    lives.begin()
    row = sent(provider)
    given = matching.reference(row.pk, 1)
    lives.begin()
    later = sent(provider, ASHA, "wamid.2")
    assert told(provider, reference=given) == KEPT
    assert matching.reference(row.pk, 2).endswith(given.rpartition("-")[2]), "its own life goes on"
    assert not matching.reference(later.pk, 1).endswith(given.rpartition("-")[2])


def test_a_life_without_messages_leaves_none_behind(provider: Provider) -> None:
    assert len({lives.begin() for _ in range(3)}) == 3
    assert Installation.objects.count() == 1


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ({"to": ASHA}, LOST),
        ({"bsp_id": "wamid.9"}, LOST),
        ({"to": MIRA, "bsp_id": "wamid.1"}, KEPT),
        ({"to": f"+{MIRA}"}, KEPT),
        ({"to": "US.13491208655302741918"}, KEPT),
        ({}, KEPT),
    ],
)
def test_a_reference_counts_unless_the_rest_contradicts_it(
    provider: Provider, said: dict[str, str], outcome: str
) -> None:
    row = sent(provider)
    assert told(provider, reference=matching.reference(row.pk, 1), **said) == outcome


def test_so_does_the_bsps_id(provider: Provider) -> None:
    sent(provider)
    assert told(provider, bsp_id="wamid.1", to=ASHA) == LOST
    assert told(provider, bsp_id="wamid.1", to=MIRA) == KEPT


def test_and_the_msg_id(provider: Provider) -> None:
    row = sent(provider)
    assert told(provider, msg_id=row.msg_id, to=ASHA) == LOST
    assert told(provider, msg_id=row.msg_id, to=MIRA) == KEPT


def test_the_other_spelling_of_a_number_is_the_same_person(provider: Provider) -> None:
    row = sent(provider, "525512345678")
    assert told(provider, reference=matching.reference(row.pk, 1), to="5215512345678") == KEPT


def test_each_attempt_has_an_id_of_its_own(provider: Provider) -> None:
    row = sent(provider, bsp_id="wamid.2", attempt=2)
    tried(row, 1, "wamid.1")
    assert told(provider, reference=matching.reference(row.pk, 1), bsp_id="wamid.2") == LOST
    assert told(provider, reference=matching.reference(row.pk, 1), bsp_id="wamid.1") == KEPT


def since_a_restore() -> list[int]:
    return [count for name, count in audit.totals().items() if "since the restore of" in name]


def test_after_a_restore_the_audit_says_what_bsps_may_know_and_we_do_not(provider: Provider) -> None:
    Installation.objects.all().delete()
    lives.begin()
    MessageFactory(provider=provider, status=Status.QUEUED)  # was sent in the hours that are lost
    sent(provider)
    before = timezone.now()
    webhook(provider, state=Webhook.State.UNMATCHED, received_at=before)
    assert since_a_restore() == []
    lives.begin()
    webhook(provider, state=Webhook.State.UNMATCHED, received_at=timezone.now())
    MessageFactory(provider=provider, status=Status.QUEUED)
    assert since_a_restore() == [1, 1]

"""Many writers at once: nothing doubled, nothing blocked, no "stop" overlooked."""

import threading
from collections.abc import Callable
from time import sleep
from typing import Any

import pytest
from django.db import connections, transaction
from django.utils import timezone

from audience import api, opting
from audience.models import Contact, ContactEvent, OptChange, OptSetting
from providers.messages import Reply
from providers.models import Provider
from tests.factories import make_provider
from tests.waiting import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)


def together(*works: Callable[[], Any]) -> None:
    """Runs all of them at the same time, each in a thread of its own."""
    errors: list[BaseException] = []
    begin = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> None:
        try:
            begin.wait()
            work()
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not errors, errors


def profiles(order: int, rounds: int) -> Callable[[], Any]:
    def work() -> None:
        for n in range(rounds):
            records: list[Any] = [
                {
                    "identity": f"p{k}",
                    "type": "profile",
                    "profileData": {"MSG-whatsapp": True, f"a{order}": n},
                }
                for k in range(60)
            ]
            records.append({"identity": f"e{n}", "type": "event", "evtName": "Seen", "ts": 1767225600})
            assert api.take(records[::order], "X").unprocessed == []

    return work


def test_callers_in_opposite_order() -> None:
    together(profiles(1, 8), profiles(-1, 8), profiles(1, 8))
    assert Contact.objects.filter(opted_in=True).count() == 60
    assert OptChange.objects.count() == 60, "each opted in once"
    assert ContactEvent.objects.count() == 8
    assert Contact.objects.get(identity="p7").attributes == {"a1": 7, "a-1": 7}


@pytest.mark.parametrize("first", ["upload", "stop"])
def test_a_stop_while_its_contact_comes_in(first: str) -> None:
    """The one has not committed when the other begins, and would not see it."""
    provider: Provider = make_provider()
    OptSetting.objects.create(provider=provider)
    number = "12125550777"
    begun = threading.Event()

    def upload() -> None:
        data = {"Phone": f"+{number}", "MSG-whatsapp": True}
        api.take([{"identity": "a", "type": "profile", "profileData": data}], "X")

    def stop() -> None:
        opting.heed(provider, [(1, Reply("text", number, text="stop"))], timezone.now())

    def slowly(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            with transaction.atomic():
                work()
                begun.set()
                sleep(0.4)

        return run

    def then(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            begun.wait(PATIENCE)
            with transaction.atomic():
                work()

        return run

    together(*((slowly(upload), then(stop)) if first == "upload" else (slowly(stop), then(upload))))
    assert Contact.objects.get().dnd

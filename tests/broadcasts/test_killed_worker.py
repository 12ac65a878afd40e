"""A broadcast whose workers are killed again and again reaches everybody once."""

from time import sleep

import pytest

from broadcasts.models import Broadcast, Recipient
from tests.faults.conftest import Installation, _installation, installation
from tests.processes import manage, wait_until

__all__ = ["_installation", "installation"]

pytestmark = [pytest.mark.processes]

PEOPLE = 3000
SET_UP = f"""
from audience.models import OptChange
from audience.profiles import Profile
from audience.writing import Source, write
from broadcasts import steering
from broadcasts.models import Broadcast
from django.utils import timezone
from providers.models import Provider
from templates_app.models import Template

people = [
    Profile(f"p{{n}}", {{"phone": f"91981{{n:07d}}", "name": f"Person {{n}}", "opted_in": n % 10 != 0}})
    for n in range({PEOPLE})
]
write(people, Source(OptChange.Why.API), timezone.now())
provider = Provider.objects.get()
Provider.objects.update(max_concurrency=200)
body = [{{"type": "BODY", "text": "Hello {{{{1}}}}"}}]
Template.objects.create(provider=provider, name="hello", language="en", components=body)
values = {{"body.1": "{{{{ profile.name }}}}"}}
variants = [
    {{"name": name, "percent": 50, "template": "hello", "language": "en", "values": values}} for name in "AB"
]
broadcast = Broadcast.objects.create(provider=provider, name="x", variants=variants, control_percent=10)
steering.launch(broadcast)
"""


def test_killed_workers_leave_the_sums_exact_and_message_nobody_twice(installation: Installation) -> None:
    manage(installation.env, "shell", "-c", SET_UP)

    def counted() -> dict[str, int]:
        names = ("recipients", "waiting", "queued", "control", "excluded", "cancelled")
        (row,) = installation.rows(f"SELECT {', '.join(names)} FROM {Broadcast._meta.db_table}")
        return dict(zip(names, row, strict=True))

    for goal in (400, 1500, 2000, 2900):  # while it plans, and while it sends
        wait_until(lambda goal=goal: counted()["recipients"] + counted()["queued"] > goal, 60)  # type: ignore[misc]
        installation.kill("manage.py worker", "celery")
        found = counted()
        assert found["recipients"] == sum(found.values()) - found["recipients"]
        sleep(0.3)
        installation.leases_expire()
    state = f"SELECT state FROM {Broadcast._meta.db_table}"
    wait_until(lambda: installation.rows(state) == [("done",)], 120)
    wait_until(lambda: not {10, 20} & set(installation.statuses().values()), 120)

    found = counted()
    assert found["recipients"] == PEOPLE
    assert (found["excluded"], found["waiting"], found["cancelled"]) == (PEOPLE // 10, 0, 0)
    assert 200 < found["control"] < 340
    numbers = [record.to for record in installation.simulator.requests]
    assert len(numbers) == len(set(numbers)), "somebody was messaged twice"
    control = installation.rows(
        f"SELECT phone FROM {Recipient._meta.db_table} WHERE state = {Recipient.State.CONTROL.value}"
    )
    assert not {phone for (phone,) in control} & set(numbers)
    # What was on its way when its worker died may have left or not; nothing else is missing.
    unknown = [name for name, status in installation.statuses().items() if status == 30]
    assert found["queued"] - len(unknown) <= len(numbers) <= found["queued"]
    installation.sound()

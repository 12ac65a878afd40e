"""The part of the pages' benchmark that runs inside the gateway's own process; see bench.inside."""

from statistics import median
from time import perf_counter

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext, setup_test_environment

from tests.roles import world as worlds
from tests.roles.test_cost import SHOWN, asked, crowded
from tests.roles.test_pages import address


def measure_pages(times: str) -> dict:
    """By page: the milliseconds in which it is made, its queries and its bytes."""
    setup_test_environment()
    settings.INTAKE_GROUP_COMMIT = False
    settings.PROOF_MINUTES = 0  # nobody is asked for a fresh proof first
    world = crowded(worlds.make())
    client = Client()
    client.force_login(User.objects.get(username="root"))
    found = {}
    for page in SHOWN:
        path, took = address(page, world), []
        for _ in range(int(times) + 1):  # the first one reads templates and fills caches
            connection.queries_log.clear()  # it keeps the last thousands
            with transaction.atomic(), CaptureQueriesContext(connection) as captured:
                begun = perf_counter()
                answer = client.get(path, headers={"Accept-Encoding": "gzip"})
                took.append(perf_counter() - begun)
                assert answer.status_code == page.ok, page.label
                transaction.set_rollback(True)
            if answer.streaming:
                b"".join(answer)
        if not answer.streaming and "text/html" in answer["Content-Type"]:
            found[page.label] = {
                "ms": median(took[1:]) * 1000,
                "queries": asked(captured.captured_queries),
                "bytes": len(answer.content),
            }
    return found


COMMANDS = {"measure_pages": measure_pages}

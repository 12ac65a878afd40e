"""Sixty wrong sign-ins at once, and CleverTap's messages are taken all the same."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.bsps import NUMBER
from tests.gateway import SUCCESS, basic, template
from tests.processes import Migrated, answers, free_port, manage, running, wait_until
from tests.waiting import PATIENCE

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(
        not os.environ.get("DATABASE_URL", "").startswith("postgres"),
        reason="SQLite has no pool of connections",
    ),
]
SIGN_INS, MESSAGES = 60, 60
# One connection for people, one for messages, and every password is hashed. A slow machine is given
# time: what is asked here is that nothing fails.
TIGHT = {
    "DATABASE_POOL_SIZE": "2",
    "SIGN_IN_LIMIT": "1000/m/ip",
    "SIGN_IN_NAME_LIMIT": "",
    "API_PASSWORDS": "1",
    "DJANGO_SUPERUSER_PASSWORD": "four unrelated words here",
}


def test_messages_are_taken_meanwhile(migrated: Migrated, tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with migrated(tmp_path / "data") as given:
        env = given | TIGHT
        manage(env, "createsuperuser", "--noinput", "--username", "asha", "--email", "asha@example.com")
        added = ("provider", "add", "--nickname", "walls", "--connector", "generic", "--json")
        made = json.loads(
            manage(env, *added, "--waba-number", NUMBER, "--endpoint", "http://127.0.0.1:9/messages")
        )
        path, login = made["messages_url"].split("/v1/")[1], basic(made["username"], made["password"])

        def sign_in(number: int) -> int:
            """Every other one at the page, the rest at the stats API."""
            if number % 2:
                wrong = basic("asha", f"guess {number}")
                return requests.get(f"{url}/api/stats", headers=wrong, timeout=PATIENCE).status_code
            with requests.Session() as browser:
                page = browser.get(f"{url}/admin/login/", timeout=PATIENCE)
                if not page.ok:
                    return page.status_code
                form = {
                    "login": "asha",
                    "password": f"guess {number}",
                    "csrfmiddlewaretoken": browser.cookies["csrftoken"],
                }
                return browser.post(f"{url}/admin/login/", form, timeout=PATIENCE).status_code

        def post(_: int) -> tuple[int, bytes]:
            answer = requests.post(f"{url}/v1/{path}", json=template(), headers=login, timeout=PATIENCE)
            return answer.status_code, answer.content

        with (
            running(["manage.py", "serve", "--port", str(port), "--workers", "1"], env) as server,
            ThreadPoolExecutor(SIGN_INS) as people,
            ThreadPoolExecutor(4) as clevertap,
        ):
            wait_until(lambda: answers(port))
            wait_until(lambda: requests.get(f"{url}/readyz", timeout=5).ok)
            signing_in = [people.submit(sign_in, number) for number in range(SIGN_INS)]
            posted = list(clevertap.map(post, range(MESSAGES)))
            assert set(posted) == {(200, SUCCESS)}, server.output[-5000:]
            refused = {each.result(PATIENCE) for each in signing_in}
            assert refused <= {200, 401, 503}  # nobody is let in, and nothing breaks
            assert 401 in refused

"""What a person does first: start the demo, paste its command, watch, and press Ctrl-C."""

import json
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.processes import Running, alive, free_port, fresh_environment, running, wait_until
from tests.waiting import PATIENCE

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs Linux' /proc"),
]


def introduction(demo: Running) -> str:
    return demo.wait_for("Ctrl-C stops")


def pasted(text: str) -> str:
    (command,) = re.findall(r"^  (curl .*?)\n\n", text, re.MULTILINE | re.DOTALL)
    return command


def get(url: str) -> Any:
    with urlopen(url, timeout=PATIENCE) as answer:
        return json.loads(answer.read())


def reported(simulator: str, msg_id: str) -> set[str]:
    """The statuses of a message that the fake CleverTap was told, among replies and opt-outs."""
    sink = get(f"{simulator}_control/sink")["records"]
    statuses = [status for record in sink for status in record["payload"].get("statuses", ())]
    return {status["status"] for status in statuses if status["msgId"].startswith(msg_id)}


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_first_message_and_ctrl_c_and_again(tmp_path: Path) -> None:
    port = free_port(width=4)
    with fresh_environment(tmp_path / "data") as env:
        with running(["manage.py", "run_demo", "--port", str(port)], env) as demo:
            text = introduction(demo)
            simulator = re.findall(r"Simulator: +(\S+)", text)[0]
            answers = [
                subprocess.run(
                    ["bash", "-c", pasted(text)], capture_output=True, text=True, check=True
                ).stdout
                for _ in range(2)
            ]
            assert answers == ['{"status":"success"}'] * 2
            ids = wait_until(
                lambda: [
                    request["body"]["msgId"].partition("|")[0]
                    for request in get(f"{simulator}_control/requests")["records"]
                    if request["to"] == "919812300001" and len(request["statuses"]) == 3
                ],
            )
            wait_until(lambda: reported(simulator, ids[0]) == {"sent", "delivered", "read"})
            assert len(demo.family()) >= 4
            for name in ("traffic.taken", "requests.interakt"):  # CleverTap's campaigns run, and ours
                wait_until(lambda name=name: get(f"{simulator}_control/summary")["counts"].get(name))
            assert demo.stop() == 0
            assert "Traceback" not in demo.output
            assert alive(env) == {}
        with running(["manage.py", "run_demo", "--port", str(port)], env) as again:
            text_again = introduction(again)
            assert pasted(text_again) == pasted(text)
            assert re.findall(r"password (\S+)", text_again) == re.findall(r"password (\S+)", text)
            assert get_admin(text_again).status == 200
            with running(["manage.py", "run_demo", "--port", str(port + 2)], env) as beside:
                assert beside.process.wait(PATIENCE) == 1
                assert "running on" in beside.output, "no two on the same data"
            assert get(f"http://127.0.0.1:{port}/livez") == {"status": "alive"}
            assert again.stop() == 0


def get_admin(text: str) -> Any:
    return urlopen(re.findall(r"Admin: +(\S+)", text)[0], timeout=PATIENCE)


def test_a_port_that_is_taken_is_said_plainly(tmp_path: Path) -> None:
    port = free_port(width=2)
    for taken in (port, port + 1):
        with socket.socket() as other, fresh_environment(tmp_path / str(taken)) as env:
            other.bind(("127.0.0.1", taken))
            other.listen()
            with running(["manage.py", "run_demo", "--port", str(port)], env) as demo:
                assert demo.process.wait(PATIENCE) == 1
                assert f"Port {taken} is taken" in demo.output
                assert "Traceback" not in demo.output

"""Posts N messages in CleverTap's format, many at once; prints what was answered.

`python -m bench.post URL USERNAME PASSWORD COUNT CONCURRENCY`
"""

import asyncio
import json
import sys
import time
from collections import Counter

import aiohttp


async def main(url: str, username: str, password: str, count: int, concurrency: int) -> None:
    answers: Counter[str] = Counter()
    numbers = iter(range(count))
    auth = aiohttp.BasicAuth(username, password)
    async with aiohttp.ClientSession(auth=auth, connector=aiohttp.TCPConnector(limit=0)) as session:

        async def work() -> None:
            for n in numbers:
                async with session.post(
                    url, data=payload(n), headers={"Content-Type": "application/json"}
                ) as answer:
                    answers[f"{answer.status} {(await answer.text())[:40]}"] += 1

        began = time.monotonic()
        await asyncio.gather(*(work() for _ in range(concurrency)))
    print(json.dumps({"answers": answers, "seconds": time.monotonic() - began}))


def payload(n: int) -> bytes:
    return json.dumps(
        {
            "payloadVersion": 0.1,
            "to": f"+9198{n:08d}",
            "wabaNumber": "15550001111",
            "isTemplate": True,
            "msgId": f"{n}|1767225600|20260105|{n}|1",
            "template": {"namespace": "order_ready_v2", "languageCode": "en"},
            "components": [
                {
                    "type": "body",
                    "body": {"text": "Hello Mira", "parameters": [{"type": "text", "text": "Mira"}]},
                }
            ],
        }
    ).encode()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])))

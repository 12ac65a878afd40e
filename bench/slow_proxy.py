"""A TCP proxy that makes a server seem far away: `python -m bench.slow_proxy PORT TARGET_PORT SECONDS`.

What a client sends arrives that much later; answers pass at once. So each round trip takes that much more.
"""

import asyncio
import sys


async def serve(port: int, target: int, delay: float) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(_pass_on(reader, there_writer, delay), _pass_on(there_reader, writer, 0.0))

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    loop = asyncio.get_running_loop()
    try:
        while chunk := await reader.read(65536):
            if delay:
                loop.call_later(delay, writer.write, chunk)
            else:
                writer.write(chunk)
                await writer.drain()
    except ConnectionError:
        pass
    finally:
        loop.call_later(delay, writer.close)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))

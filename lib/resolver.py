"""Names to addresses for `lib/transport.py`, which loads this with aiohttp when it makes its first call."""

import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from lib.targets import TargetRefused, is_public


class PublicResolver(AbstractResolver):
    """Resolves names, and refuses those that lead to a private address."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        results = await self._resolver.resolve(host, port, family)
        for result in results:
            if not is_public(result["host"]):
                raise TargetRefused(host, result["host"])
        return results

    async def close(self) -> None:
        await self._resolver.close()

"""`x402` with httpx: version 2 of the protocol."""

import asyncio

from x402 import x402Client
from x402.http.clients import x402HttpxClient
from x402.mechanisms.evm.exact import register_exact_evm_client

from common import ACCOUNT, URL, expect_goods


async def main():
    client = x402Client()
    register_exact_evm_client(client, ACCOUNT)

    async with x402HttpxClient(client, timeout=20) as http:
        expect_goods(await http.get(URL))
        # Another payment, of the same client, for the same thing.
        expect_goods(await http.get(URL, headers={"accept": "text/plain"}))


asyncio.run(main())

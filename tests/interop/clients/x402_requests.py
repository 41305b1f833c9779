"""`x402` with requests: version 2 of the protocol."""

from x402 import x402ClientSync
from x402.http.clients import x402_requests
from x402.mechanisms.evm.exact import register_exact_evm_client

from common import ACCOUNT, URL, expect_goods

client = x402ClientSync()
register_exact_evm_client(client, ACCOUNT)

with x402_requests(client) as session:
    expect_goods(session.get(URL, timeout=20))
    # Another payment, of the same client, for the same thing.
    expect_goods(session.get(URL, timeout=20, headers={"accept": "text/plain"}))

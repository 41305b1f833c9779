import base64
import json
import re
import sys

from eth_account import Account

URL = sys.argv[1]
ACCOUNT = Account.create()


def expect_goods(response):
    """Holds an answer against what was bought: the goods, for this account, with a receipt."""
    assert response.status_code == 200, (response.status_code, response.text)
    assert f"Thank you, {ACCOUNT.address}!" in response.text, response.text

    value = response.headers.get("payment-response")
    assert value, "no payment-response"
    receipt = json.loads(base64.b64decode(value, validate=True))
    assert receipt["success"] is True, receipt
    assert receipt["payer"].lower() == ACCOUNT.address.lower(), receipt
    assert re.fullmatch(r"0x[0-9a-f]{64}", receipt["transaction"]), receipt

"""web3.py as it is published: blocks, transfers of every type, contracts, events, errors, subscriptions."""

import asyncio
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path

from eth_account import Account
from web3 import AsyncWeb3, Web3, WebSocketProvider
from web3.exceptions import (
    ContractCustomError,
    ContractLogicError,
    TransactionNotFound,
    Web3RPCError,
)

HERE = Path(__file__).resolve().parent
URL = os.environ["MEZZ_RPC"]
MNEMONIC = "test test test test test test test test test test test junk"
LIMIT_SECS = 60

Account.enable_unaudited_hdwallet_features()
w3 = Web3(Web3.HTTPProvider(URL, request_kwargs={"timeout": LIMIT_SECS}))
me, other = (
    Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}") for index in (5, 4)
)
failures = 0


def check(name, body):
    """One check: a line that begins with `ok` or `FAIL`, which clients/run.sh counts."""
    global failures
    try:
        body()
        print(f"ok   {name}", flush=True)
    except Exception:
        failures += 1
        print(f"FAIL {name}", flush=True)
        for line in traceback.format_exc().splitlines()[-30:]:
            print(f"     {line}", flush=True)


def compiled(name):
    """The contract `name` of contracts/, by the same compiler as for the other clients."""
    script = "import('./lib.mjs').then((it) => console.log(JSON.stringify(it.compile(process.argv[1]))))"
    made = subprocess.run(
        ["node", "-e", script, name], cwd=HERE, check=True, capture_output=True, text=True
    )
    return json.loads(made.stdout)


def rejected(kind, call):
    """The error of `kind` with which `call` ends."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def send(fields, account=me):
    """Signs, sends, waits: the receipt."""
    base = {"chainId": w3.eth.chain_id, "nonce": w3.eth.get_transaction_count(account.address)}
    signed = account.sign_transaction({**base, **fields})
    sent = w3.eth.send_raw_transaction(signed.raw_transaction)
    assert sent == signed.hash
    return w3.eth.wait_for_transaction_receipt(sent, timeout=LIMIT_SECS, poll_latency=0.1)


def fees():
    base = w3.eth.get_block("latest")["baseFeePerGas"]
    tip = w3.eth.max_priority_fee
    return {"maxFeePerGas": 2 * base + tip, "maxPriorityFeePerGas": tip}


def cost(receipt):
    """Gas, and data on L1, which is a sum of its own (docs/differences.md)."""
    return receipt["gasUsed"] * receipt["effectiveGasPrice"] + int(receipt["l1Fee"], 16)


def connection():
    assert w3.is_connected()
    assert "mezz" in w3.client_version.lower()
    assert w3.net.version == str(w3.eth.chain_id)
    assert w3.eth.syncing is False
    head = w3.eth.get_block("latest", full_transactions=True)
    assert w3.eth.get_block(head["hash"])["number"] == head["number"]
    assert w3.eth.get_block(head["number"] - 1)["hash"] == head["parentHash"]
    assert w3.eth.get_block("finalized")["number"] <= w3.eth.get_block("safe")["number"]
    rejected(TransactionNotFound, lambda: w3.eth.get_transaction(b"\x01" * 32))


def transfer():
    value = w3.to_wei("0.25", "ether")
    mine, theirs = w3.eth.get_balance(me.address), w3.eth.get_balance(other.address)
    call = {"to": other.address, "value": value, "from": me.address}
    assert w3.eth.estimate_gas(call) == 21_000
    receipt = send({"to": other.address, "value": value, "gas": 21_000, **fees()})
    assert receipt["status"] == 1 and receipt["gasUsed"] == 21_000 and receipt["type"] == 2
    assert w3.eth.get_balance(other.address) == theirs + value
    assert w3.eth.get_balance(me.address) == mine - value - cost(receipt)
    found = w3.eth.get_transaction(receipt["transactionHash"])
    assert found["value"] == value and found["blockHash"] == receipt["blockHash"]
    raw = w3.eth.get_raw_transaction(receipt["transactionHash"])
    assert w3.keccak(raw) == receipt["transactionHash"]


def types():
    price = 2 * w3.eth.gas_price
    slots = ["0x" + "00" * 31 + "01"]
    access_list = [{"address": other.address, "storageKeys": slots}]
    legacy = send({"to": other.address, "value": 1, "gas": 21_000, "gasPrice": price})
    assert legacy["type"] == 0 and legacy["gasUsed"] == 21_000
    listed = {"to": other.address, "value": 1, "gas": 30_000, "accessList": access_list}
    first = send({"type": 1, "gasPrice": price, **listed})
    second = send({"type": 2, **fees(), **listed})
    assert (first["type"], second["type"]) == (1, 2)
    assert first["gasUsed"] == second["gasUsed"] == 21_000 + 2_400 + 1_900


def delegation():
    account = Account.create()
    target = counter().address
    authorization = account.sign_authorization(
        {"chainId": w3.eth.chain_id, "address": target, "nonce": 0}
    )
    data = w3.eth.contract(account.address, abi=COUNTER["abi"]).encode_abi("add", [8])
    call = {"to": account.address, "data": data, "value": 0, "gas": 200_000, **fees()}
    receipt = send({"type": 4, "authorizationList": [authorization], **call})
    assert receipt["type"] == 4 and receipt["status"] == 1
    assert w3.eth.get_code(account.address) == bytes.fromhex("ef0100" + target[2:])
    assert int.from_bytes(w3.eth.get_storage_at(account.address, 0)) == 8
    assert w3.eth.get_transaction_count(account.address) == 1


COUNTER = None
ADDRESS = None


def counter():
    return w3.eth.contract(ADDRESS, abi=COUNTER["abi"])


def add(amount, **fields):
    nonce = w3.eth.get_transaction_count(me.address)
    built = counter().functions.add(amount).build_transaction(
        {"from": me.address, "nonce": nonce, **fees(), **fields}
    )
    return send(built)


def contract():
    global COUNTER, ADDRESS
    COUNTER = compiled("Counter")
    factory = w3.eth.contract(abi=COUNTER["abi"], bytecode=COUNTER["bytecode"])
    nonce = w3.eth.get_transaction_count(me.address)
    receipt = send(factory.constructor(3).build_transaction({"from": me.address, "nonce": nonce, **fees()}))
    ADDRESS = receipt["contractAddress"]
    assert counter().functions.total().call() == 3
    written = add(4)
    assert counter().functions.total().call() == 7
    assert counter().functions.total().call(block_identifier=written["blockNumber"] - 1) == 3
    (event,) = counter().events.Added().process_receipt(written)
    assert dict(event["args"]) == {"by": me.address, "amount": 4, "total": 7}


def reverts():
    plain = rejected(ContractLogicError, lambda: counter().functions.add(0).call())
    assert "nothing to add" in str(plain)
    custom = rejected(ContractCustomError, lambda: counter().functions.add(1001).call())
    selector = w3.keccak(text="TooMuch(uint256,uint256)")[:4]
    expected = selector + (1001).to_bytes(32, "big") + (1000).to_bytes(32, "big")
    assert bytes.fromhex(custom.data[2:]) == expected, custom.data
    rejected(ContractCustomError, lambda: counter().functions.add(1001).estimate_gas())
    receipt = add(1001, gas=100_000)
    assert receipt["status"] == 0 and receipt["logs"] == []


def events():
    start = w3.eth.block_number
    hashes = [add(amount)["transactionHash"] for amount in (1, 2)]
    found = counter().events.Added().get_logs(
        from_block=start, argument_filters={"by": me.address}
    )
    assert [it["args"]["amount"] for it in found] == [1, 2]
    assert [it["transactionHash"] for it in found] == hashes
    following = counter().events.Added().create_filter(from_block="latest")
    blocks = w3.eth.filter("latest")
    receipt = add(5)
    assert [it["args"]["amount"] for it in following.get_new_entries()] == [5]
    assert following.get_new_entries() == []
    assert receipt["blockHash"] in blocks.get_new_entries()
    assert w3.eth.uninstall_filter(following.filter_id)
    rejected(Web3RPCError, following.get_new_entries)


def fee_history():
    history = w3.eth.fee_history(4, "latest", [20, 80])
    assert len(history["baseFeePerGas"]) == 5 and len(history["reward"]) == 4
    block = w3.eth.get_block(history["oldestBlock"])
    assert block["baseFeePerGas"] == history["baseFeePerGas"][0]


def errors():
    def refused(fields, account, words):
        error = rejected(Web3RPCError, lambda: send(fields, account))
        assert error.rpc_response["error"]["code"] == -32000, error
        assert words in error.rpc_response["error"]["message"], error

    call = {"to": other.address, "value": 1, "gas": 21_000, **fees()}
    refused(call, Account.create(), "insufficient funds")
    refused({**call, "nonce": 0}, me, "nonce too low")
    refused({**call, "gas": 20_000}, me, "intrinsic gas too low")
    refused({**call, "chainId": 1}, me, "chain id")
    unknown = w3.provider.make_request("eth_doesNotExist", [])
    assert unknown["error"]["code"] == -32601
    wrong = w3.provider.make_request("eth_getBalance", ["0x12", "latest"])
    assert wrong["error"]["code"] == -32602


def batch():
    with w3.batch_requests() as requests:
        requests.add(w3.eth.get_balance(me.address))
        requests.add(counter().functions.total())
        requests.add(w3.eth.get_block("latest"))
        balance, total, block = requests.execute()
    assert balance > 0 and total == counter().functions.total().call()
    assert block["number"] > 0


async def follow():
    async with AsyncWeb3(WebSocketProvider(URL.replace("http", "ws", 1))) as socket:
        heads = await socket.eth.subscribe("newHeads")
        topics = [w3.keccak(text="Added(address,uint256,uint256)")]
        logs = await socket.eth.subscribe("logs", {"address": ADDRESS, "topics": topics})
        pending = await socket.eth.subscribe("newPendingTransactions")
        receipt = await asyncio.to_thread(add, 6)
        seen = {heads: [], logs: [], pending: []}
        async for message in socket.socket.process_subscriptions():
            seen[message["subscription"]].append(message["result"])
            if any(it["hash"] == receipt["blockHash"] for it in seen[heads]) and seen[logs]:
                break
        (log,) = seen[logs]
        assert log["transactionHash"] == receipt["transactionHash"]
        assert receipt["transactionHash"] in seen[pending]
        numbers = [it["number"] for it in seen[heads]]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert await socket.eth.unsubscribe(logs)


def subscriptions():
    asyncio.run(asyncio.wait_for(follow(), LIMIT_SECS))


check("web3.py: connection, blocks, labels", connection)
check("web3.py: a transfer costs value, gas and data, to the wei", transfer)
check("web3.py: types 0, 1 and 2, and what an access list costs", types)
check("web3.py: a contract is deployed, read, written, at once and in the past", contract)
check("web3.py: code is set by authorization (EIP-7702)", delegation)
check("web3.py: reverts with reason and custom error", reverts)
check("web3.py: past events, filters of events and blocks", events)
check("web3.py: fee history", fee_history)
check("web3.py: errors in words and codes", errors)
check("web3.py: a batch of requests", batch)
check("web3.py: heads, logs and pending transactions by subscription", subscriptions)
sys.exit(1 if failures else 0)

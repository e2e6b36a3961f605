#!/usr/bin/env bash
# Ethereum clients as they are published, against a running chain: on the embedded L1, then `mezz
# tour` there and on Anvil, each with a second node that derives the chain from L1 alone; then a
# busy chain, every block of which an unrelated EVM executes again. Needs `clients/install.sh` and a
# built `mezz`; every wait has an end. Names of parts run those alone: embedded, anvil, replay.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

mezz=$(realpath "${MEZZ_BIN:-../target/release/mezz}")
anvil=node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil
python=.venv/bin/python3
for program in "$mezz" "$anvil" "$python"; do
    if [[ ! -x $program ]]; then
        echo "$program is not there: cargo build --release, and clients/install.sh" >&2
        exit 2
    fi
done

work=$(mktemp -d)
export MEZZ_WORK=$work MEZZ_RPC= PYTHONDONTWRITEBYTECODE=1
passed=0
failed=0
declare -A running=()

ok() {
    passed=$((passed + 1))
    printf 'ok   %s\n' "$1"
}

fail() {
    failed=$((failed + 1))
    printf 'FAIL %s\n' "$1"
    local log
    for log in "$work"/*.log; do
        printf -- '-- the end of %s\n' "$(basename "$log")"
        tail -n 15 "$log" | cut -c1-200
    done
}

# stop NAME: SIGTERM and 20 s; what has not ended by then is killed and has failed.
stop() {
    local name=$1 pid=${running[$1]:-} status=0 tries
    [[ -n $pid ]] || return 0
    unset "running[$name]"
    kill -TERM "$pid" 2>/dev/null || true
    for ((tries = 0; tries < 200; tries++)); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    if kill -0 "$pid" 2>/dev/null; then
        kill -KILL "$pid" || true
        wait "$pid" || true
        fail "$name stops within 20 s of SIGTERM"
        return 0
    fi
    wait "$pid" || status=$?
    # Anvil ends by the signal itself.
    if ((status == 0)) || [[ $name == anvil* ]]; then
        ok "$name stops on SIGTERM"
    else
        fail "$name stops on SIGTERM with status 0, not $status"
    fi
}

finish() {
    local status=$? name
    trap - EXIT
    for name in "${!running[@]}"; do
        kill -TERM "${running[$name]}" 2>/dev/null || true
    done
    for name in "${!running[@]}"; do
        stop "$name"
    done
    ((status == 0 && failed == 0)) && rm -rf "$work" || echo "logs and data: $work" >&2
    printf '\n%d passed, %d failed\n' "$passed" "$failed"
    ((status != 0)) || status=$((failed > 0))
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

# Ports that nobody listens on now.
free_ports() {
    node -e '
        const { createServer } = require("node:net");
        const servers = Array.from({ length: Number(process.argv[1]) }, () => createServer());
        const open = (it) => new Promise((done) => it.listen(0, "127.0.0.1", done));
        Promise.all(servers.map(open)).then(() => {
            console.log(servers.map((it) => it.address().port).join(" "));
            servers.forEach((it) => it.close());
        });' "$1"
}

# start NAME URL COMMAND...: runs it until `stop NAME`; ready once URL answers eth_chainId.
start() {
    local name=$1 url=$2 tries
    shift 2
    "$@" >"$work/$name.log" 2>&1 &
    running[$name]=$!
    for ((tries = 0; tries < 600; tries++)); do
        if curl --silent --fail --max-time 2 --output /dev/null -H 'content-type: application/json' \
            --data '{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}' "$url"; then
            ok "$name answers"
            return 0
        fi
        kill -0 "${running[$name]}" 2>/dev/null || break
        sleep 0.1
    done
    fail "$name answers at $url"
    return 1
}

# script NAME ARGUMENTS...: one of the scripts, whose lines are counted; it has `limit` seconds, or 600.
script() {
    local name=$1 status=0 good bad program=node
    [[ $name == *.py ]] && program=$python
    printf '\n== %s\n' "$name"
    timeout --kill-after=10 "${limit:-600}" "$program" "$@" 2>&1 | tee "$work/$name.out" || status=$?
    good=$(grep -c '^ok ' "$work/$name.out" || true)
    bad=$(grep -c '^FAIL ' "$work/$name.out" || true)
    passed=$((passed + good))
    failed=$((failed + bad))
    if ((bad == 0 && (status != 0 || good == 0))); then
        fail "$name ends with status $status after $good checks"
    elif ((bad > 0)); then
        tail -n 15 "$work"/*.log | cut -c1-200
    fi
}

# command_passes TITLE SECONDS COMMAND...: passes with status 0.
command_passes() {
    local title=$1 limit=$2
    shift 2
    printf '\n== %s\n' "$title"
    if timeout --kill-after=10 "$limit" "$@"; then ok "$title"; else fail "$title"; fi
}

record() { timeout 90 node second-node.mjs record; }

read -r rpc_port l1_port second_port anvil_port <<<"$(free_ports 4)"
rpc=http://127.0.0.1:$rpc_port
l1=http://127.0.0.1:$l1_port
second=http://127.0.0.1:$second_port
anvil_url=http://127.0.0.1:$anvil_port

# second_node NAME CHAIN L1: has the recorded block from L1 alone, and from what its directory holds.
second_node() {
    local name=second-$1
    start "$name" "$second" "$mezz" node --chain "$2/chain.json" --l1 "$3" \
        --data "$work/$name" --rpc "127.0.0.1:$second_port" --json
    MEZZ_RPC=$second script second-node.mjs
    stop "$name"
}

embedded() {
    printf '== a chain on the embedded L1\n'
    start up-embedded "$rpc" "$mezz" up --data "$work/embedded" --fresh \
        --rpc "127.0.0.1:$rpc_port" --l1-rpc "127.0.0.1:$l1_port" --json
    script ready.mjs
    script cast.mjs
    script viem.mjs
    script ethers.mjs
    script web3_client.py
    script forge.mjs
    script safe.mjs
    script openzeppelin.mjs
    script uniswap.mjs
    command_passes 'mezz tour on the embedded L1' 400 "$mezz" tour --rpc "$rpc" --l1 "$l1"
    if MEZZ_EXPECTED=$(record); then
        export MEZZ_EXPECTED
        second_node embedded "$work/embedded" "$l1"
        # A third one begins with a snapshot of the first one.
        MEZZ_BIN=$mezz MEZZ_FROM=$work/embedded MEZZ_CHAIN=$work/embedded/chain.json MEZZ_L1=$l1 \
            MEZZ_TO=$work/second-restored script snapshot.mjs
        second_node restored "$work/embedded" "$l1"
    else
        fail 'the head of the embedded chain becomes safe'
    fi
    stop up-embedded
}

on_anvil() {
    printf '\n== a chain on Anvil\n'
    # Twenty accounts, as the embedded L1 has them: the last ones post batches and claims.
    start anvil "$anvil_url" "$anvil" --hardfork osaka --block-time 1 --accounts 20 \
        --port "$anvil_port"
    start up-anvil "$rpc" "$mezz" up --l1 "$anvil_url" --data "$work/anvil" --fresh \
        --rpc "127.0.0.1:$rpc_port" --json
    script ready.mjs
    command_passes 'mezz tour on Anvil' 400 "$mezz" tour --rpc "$rpc" --l1 "$anvil_url"
    start beside-anvil "$second" "$mezz" node --chain "$work/anvil/chain.json" --l1 "$anvil_url" \
        --data "$work/beside-anvil" --rpc "127.0.0.1:$second_port" --json
    MEZZ_SECOND=$second MEZZ_L1=$anvil_url MEZZ_CHAIN=$work/anvil/chain.json MEZZ_BIN=$mezz \
        limit=36000 script reorgs.mjs
    stop beside-anvil
    if MEZZ_EXPECTED=$(record); then
        export MEZZ_EXPECTED
        # The sequencer is gone: L1 is all there is.
        stop up-anvil
        second_node anvil "$work/anvil" "$anvil_url"
    else
        fail 'the head of the chain on Anvil becomes safe'
        stop up-anvil
    fi
    stop anvil
}

replay() {
    printf '\n== a busy chain, executed again\n'
    # Data in calldata, whose price on L1 is felt, and blocks as fast as they come.
    start up-replay "$rpc" "$mezz" up --data "$work/replay" --fresh --block-time 100ms \
        --data-kind calldata --rpc "127.0.0.1:$rpc_port" --l1-rpc "127.0.0.1:$l1_port" --json
    script ready.mjs
    MEZZ_L1=$l1 MEZZ_CHAIN=$work/replay/chain.json script differential.mjs 1000
    stop up-replay
}

export MEZZ_RPC=$rpc
(($# > 0)) || set -- embedded anvil replay
for part; do
    case $part in
        embedded | replay) "$part" ;;
        anvil) on_anvil ;;
        *) fail "a part named $part: embedded, anvil, replay" ;;
    esac
done

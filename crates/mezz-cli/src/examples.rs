//! What the help of each command ends with: what people type, and why.

pub(crate) const ROOT: &str = "\
Examples:
  mezz up                                   a development L1, the contracts and the chain
  mezz tour                                 what the chain can do, on a running `mezz up`
  mezz deposit --dev-account 3 1.5          1.5 ETH from L1 to L2
  mezz withdraw start --dev-account 3 0.5   and back again
  mezz status                               where a chain stands

Keys: --key-file FILE names a keystore (`mezz key new`). On a development L1 also a key in hex, the
environment variable MEZZ_PRIVATE_KEY, or --dev-account N (public test mnemonic). Never as an argument.

Exit codes: 0 done, 1 failed, 2 wrong usage.";

pub(crate) const UP: &str = "\
Examples:
  mezz up                                   everything, in ./data; Ctrl-C stops, `mezz up` goes on
  mezz up --fresh --block-time 250ms        a new chain with four blocks a second
  mezz up --l1 http://127.0.0.1:8545        on an Anvil that runs already
  mezz up --json | jq .                     for scripts: one JSON object a line

Ten accounts of the public test mnemonic are funded. For development alone: anybody knows their keys.";

pub(crate) const DEPLOY: &str = "\
Examples:
  mezz deploy --print > mezz.toml           all settings with their defaults
  mezz deploy --print --config mezz.toml    check what you changed
  mezz deploy --l1 URL --config mezz.toml --key-file keystore.json

Run the same command again after an interruption: it goes on where it stopped. The result is
chain.json in the data directory; hand it to everybody who runs a node.";

pub(crate) const NODE: &str = "\
Examples:
  mezz node --chain chain.json --l1 URL     check the chain from L1 alone; needs no key
  mezz node --chain chain.json --l1 URL --follow URL --sequencer 0x…
                                            and take the sequencer's blocks before L1 has them
  mezz node --chain chain.json --l1 URL --roles sequencer,batcher,proposer \\
      --key-file keystore.json --password-file FILE
  mezz node --chain chain.json --l1 URL --roles batcher \\
      --batcher-signer https://SIGNER:9000 --batcher-address 0x…

Operators add --metrics 127.0.0.1:9546: numbers for Prometheus (ops/alerts.yml, ops/grafana.json),
/healthz and /readyz. `mezz doctor` checks machine and configuration first.

A chain has one sequencer at a time: start the role nowhere else. The RPC listens on this machine
alone unless --rpc says otherwise; put a proxy with TLS before it to serve the world.";

pub(crate) const KEY: &str = "\
Examples:
  mezz key new --out keystore.json          a new key, encrypted with a password that is asked for
  mezz key import --key-file FILE --out keystore.json
  mezz key address keystore.json

Keystores are version 3 of the Web3 Secret Storage: Geth, Foundry and wallets read and write them.";

pub(crate) const KEY_NEW: &str = "\
Examples:
  mezz key new --out keystore.json
  mezz key new --out keystore.json --password-file FILE   for scripts

Keep a copy of the file and of the password apart from the machine: nobody can restore either.";

pub(crate) const KEY_IMPORT: &str = "\
Examples:
  mezz key import --key-file FILE --out keystore.json
  pass show mezz | mezz key import --out keystore.json --password-file FILE

Remove the file with the plain key afterwards: shred -u FILE.";

pub(crate) const KEY_ADDRESS: &str = "\
Examples:
  mezz key address keystore.json            what the file says, without the password
  mezz key address keystore.json --check    and whether that, and the password, are right";

pub(crate) const DEPOSIT: &str = "\
Examples:
  mezz deposit --dev-account 3 1.5          1.5 ETH to the same address on L2
  mezz deposit --key-file FILE 1 --to 0x…   to somebody else
  mezz deposit --key-file FILE 1000000 --token 0x…   an ERC-20, in its smallest units

It returns once L2 shows the money. L1 gas and the price of the message come on top.";

pub(crate) const WITHDRAW: &str = "\
Examples:
  mezz withdraw start --key-file FILE 0.5   prints the index of the withdrawal
  mezz withdraw status 7                    what number 7 waits for
  mezz withdraw finish --key-file FILE 7    pays it on L1, once it can be paid

A withdrawal waits for its batch, for a claim on L1, and for the claim's window.";

pub(crate) const WITHDRAW_START: &str = "\
Examples:
  mezz withdraw start --dev-account 3 0.5
  mezz withdraw start --key-file FILE 0.5 --to 0x…
  mezz withdraw start --key-file FILE 1000000 --token 0x…";

pub(crate) const WITHDRAW_FEES: &str = "\
Examples:
  mezz withdraw fees --key-file keystore.json

The money goes to the recipient that the chain's settings name, and to nobody else. It is a withdrawal
as any other: `mezz withdraw finish INDEX` pays it on L1.";

pub(crate) const WITHDRAW_STATUS: &str = "\
Examples:
  mezz withdraw status 7
  mezz --json withdraw status 7             with the proof, once there is one";

pub(crate) const WITHDRAW_FINISH: &str = "\
Examples:
  mezz withdraw finish --key-file FILE 7
  mezz withdraw finish --key-file FILE --wait 7   wait for the window first

Whoever runs it pays the gas; the money goes to whom `start` named.";

pub(crate) const DOCTOR: &str = "\
Examples:
  mezz doctor                               this machine alone
  mezz doctor --chain chain.json --l1 URL --l1 URL2 --data DIR
  mezz doctor --chain chain.json --l1 URL --roles batcher,proposer --key-file keystore.json
  mezz --json doctor                        one JSON object for each check

It changes nothing. Exit codes: 0 no check failed (warnings there may be), 1 one did.";

pub(crate) const SNAPSHOT: &str = "\
Examples:
  mezz snapshot create --data DIR --out FILE           a backup, also of a node that runs
  mezz snapshot restore --from FILE --data NEW-DIR --chain chain.json --l1 URL
  mezz snapshot inspect FILE

A snapshot holds no keys, no waiting transactions and no blocks that are not final.";

pub(crate) const SNAPSHOT_CREATE: &str = "\
Examples:
  mezz snapshot create --data node --out backup-2026-11-23.mezz
  sudo -u mezz mezz snapshot create --data /var/lib/mezz --out /backup/today.mezz

A node that runs writes it itself, and must be asked by its own user. It rests on the last final claim; blocks are
built meanwhile, and nothing more becomes final until it is written.";

pub(crate) const SNAPSHOT_RESTORE: &str = "\
Examples:
  mezz snapshot restore --from FILE --data NEW-DIR
  mezz snapshot restore --from FILE --data NEW-DIR --chain chain.json --l1 URL
  mezz node --chain chain.json --l1 URL --data NEW-DIR     goes on from the snapshot's block

The state's root is computed anew. The node believes nothing of it before L1 has the snapshot's claim as final.";

pub(crate) const SNAPSHOT_INSPECT: &str = "\
Examples:
  mezz snapshot inspect FILE
  mezz --json snapshot inspect FILE

The file is read to its end. What only the whole state shows, its root, is checked by `restore`.";

pub(crate) const STATUS: &str = "\
Examples:
  mezz status
  mezz --json status --rpc https://rpc.example.org --l1 https://l1.example.org

latest is sequenced, safe has its batch on L1, finalized has its claim final on L1.";

pub(crate) const TOUR: &str = "\
Examples:
  mezz tour                                 on a `mezz up` in another terminal
  mezz tour --transfers 10000";

pub(crate) const LOAD_SUBSCRIBERS: &str = "\
Examples:
  mezz load subscribers                     10,000 of them, on a `mezz up --rpc-connections 10500` in another terminal
  mezz load subscribers --duration 2m --pid 1234";

pub(crate) const LOAD: &str = "\
Examples:
  mezz load --rate 1000 --count 30000       30 seconds of 1,000 transfers a second
  mezz load --count 50000 --batch 100       as fast as the node takes them
  mezz load --recipients 1000000            spread over a million accounts
  mezz load --kind swap --count 5000        tokens through a pair that is deployed first
  mezz load --rpc http://127.0.0.1:8545     transfers against Anvil

Transactions are signed before the clock starts. Latency counts from the time at which one was due.";

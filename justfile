# A menu. Every line is one command that works without `just`, too.

# Show the menu.
default:
    @just --list

# Start a development L1, deploy, run a chain.
up *args:
    cargo run --release -- up {{args}}

# Walk through everything a chain does, on a running `just up`.
tour *args:
    cargo run --release -- tour {{args}}

# Every test that needs cargo alone.
test:
    cargo test --release --workspace

# The tests of one crate.
test-crate name:
    cargo test --release -p {{name}}

# The house rules, with clippy.
tidy:
    cargo xtask tidy

# The house rules without clippy: seconds.
quick:
    cargo xtask tidy --no-clippy

# Format everything.
fmt:
    cargo fmt --all

# Compile the contracts and write their artifacts and snapshots.
contracts:
    cd contracts && npm ci
    cargo xtask contracts

# Build the guest programs for RV64IM.
guest:
    cargo xtask guest

# Unmodified Ethereum clients against a running chain.
clients:
    bash clients/run.sh

# The whole network in one process, from seeds.
simulate *args:
    cargo xtask simulate {{args}}

# Nodes that are killed at random under load lose nothing.
soak *args:
    cargo xtask soak {{args}}

# Malformed and hostile requests, and a node that answers them all.
fuzz-rpc *args:
    cargo xtask fuzz-rpc {{args}}

# What must pass before a change lands.
ci:
    bash .ci/run

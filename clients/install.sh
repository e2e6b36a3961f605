#!/usr/bin/env bash
# What the clients need: npm packages and Python packages, all of them at the versions and hashes
# committed here. requirements.txt is made of requirements.in by `pip-compile --generate-hashes`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

npm ci --no-audit --no-fund --loglevel=error
python3 -m venv .venv
.venv/bin/python3 -m pip install --quiet --require-hashes --no-deps --only-binary :all: \
    --requirement requirements.txt

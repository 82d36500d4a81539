#!/bin/sh
# Compiles the two lock files: hashes for every platform, and no index address.
set -eu
uv=$(command -v uv || true)
[ -n "$uv" ] || uv=.tools/bin/uv
compile="$uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --python-version 3.11"
$compile pyproject.toml --extra foundry -o requirements.lock
$compile pyproject.toml --extra foundry --group dev -c requirements.lock -o requirements-dev.lock

#!/bin/sh
# Makes .venv: with uv where it is found, else with a uv of the project's own under .tools.
# The Python that is there is used; none is downloaded. Package indexes are whatever the clients are configured for.
set -eu
what=${1:-runtime}
python=${PYTHON:-python3}

say() { printf '%s\n' "$*" >&2; }

command -v "$python" >/dev/null 2>&1 || { say "No $python here. Install Python 3.11, 3.12 or 3.13, or name one: make setup PYTHON=/path/to/python3.12"; exit 1; }
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || {
    say "$("$python" --version) is not 3.11, 3.12 or 3.13. Name one that is: make setup PYTHON=python3.12"; exit 1; }

find_uv() {
    if command -v uv >/dev/null 2>&1; then command -v uv; return; fi
    for place in .tools/bin/uv .tools/lib/bin/uv; do
        if [ -x "$place" ]; then printf '%s\n' "$PWD/$place"; return; fi
    done
}

uv=$(find_uv)
if [ -z "$uv" ]; then
    say "uv is not here: installing it into .tools"
    if "$python" -m venv .tools >/dev/null 2>&1 && .tools/bin/python -m pip --version >/dev/null 2>&1; then
        .tools/bin/python -m pip install -q --disable-pip-version-check uv
    elif "$python" -m pip --version >/dev/null 2>&1; then
        rm -rf .tools
        "$python" -m pip install -q --disable-pip-version-check --target .tools/lib uv
    else
        rm -rf .tools
        say "This Python has neither venv nor pip. On Debian: apt-get install python3-venv"; exit 1
    fi
    uv=$(find_uv)
    [ -n "$uv" ] || { say "uv was installed but its program is not under .tools. Remove .tools and try again, or install uv yourself."; exit 1; }
fi

case $what in
runtime)
    say "Setting up .venv"
    [ -x .venv/bin/python ] || "$uv" venv -q --no-python-downloads --python "$python" .venv
    "$uv" pip install -q --python .venv/bin/python --require-hashes -r requirements.lock
    # The build backend comes from the index too; it has no lock of its own, so it runs isolated.
    "$uv" pip install -q --python .venv/bin/python --no-deps -e .
    touch .venv/.runtime ;;
dev)
    say "Adding what tests and checks need"
    "$uv" pip install -q --python .venv/bin/python --require-hashes -r requirements-dev.lock
    touch .venv/.dev ;;
*)
    say "usage: setup.sh runtime|dev"; exit 2 ;;
esac

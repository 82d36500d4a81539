#!/bin/sh
# What a newcomer does first: make serve in an empty home, one question with curl, then again. Says how long each took.
set -eu
cd "$(dirname "$0")/.."
port=${PORT:-8123}
home=$(mktemp -d)
server=
finish() { [ -z "$server" ] || { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }; rm -rf "$home"; }
trap finish EXIT INT TERM

ask() {
    curl -sS -m 30 "http://127.0.0.1:$port/v1/chat/completions" -H 'content-type: application/json' \
        -d '{"model":"auto","max_tokens":12,"messages":[{"role":"user","content":"What is the capital of France?"}]}'
}

start() { # limit in seconds
    began=$(date +%s)
    HOME=$home XDG_DATA_HOME=$home/data XDG_CONFIG_HOME=$home/config TANDEM_HOME=$home/tandem \
        make -s serve ARGS="--port $port" >"$home/serve.log" 2>&1 &
    server=$!
    until reply=$(ask 2>/dev/null) && printf '%s' "$reply" | grep -q '"content"'; do
        sleep 0.3
        now=$(($(date +%s) - began))
        [ "$now" -le "$1" ] && kill -0 "$server" 2>/dev/null || { echo "no answer after $now s:"; cat "$home/serve.log"; exit 1; }
    done
    echo "answered $(($(date +%s) - began)) s after make serve: $reply"
    kill "$server" && { wait "$server" || true; }
    server=
}

start 240
start 15

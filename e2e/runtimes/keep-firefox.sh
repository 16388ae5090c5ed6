#!/usr/bin/env bash
# Runs the Firefox that FIREFOX names, until it ends or the process that started this one does: so a browser ends with
# the tests, however those end.
set -u
"$FIREFOX" "$@" &
browser=$!
trap 'kill -TERM "$browser" 2>/dev/null' INT TERM HUP
(
    while kill -0 "$PPID" 2>/dev/null && kill -0 "$browser" 2>/dev/null; do sleep 1; done
    kill -TERM "$browser" 2>/dev/null
) >/dev/null 2>&1 &
wait "$browser"

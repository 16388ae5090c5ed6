#!/usr/bin/env bash
# Runs a display without a screen and WebKit's driver on it, until standard input closes: so they end with the tests that
# started them, however those end.
# usage: keep-webkit.sh PORT
set -u
trap '' INT TERM HUP # whoever holds the other end of standard input decides
set -m # each in a process group of its own, with all that it starts
exec 3< <(exec Xvfb -displayfd 1 -screen 0 1280x800x24 -nolisten tcp 2>/dev/null)
display=$!
read -r number <&3 || exit 1
DISPLAY=":$number" WebKitWebDriver "--port=$1" --host=127.0.0.1 </dev/null >/dev/null 2>&1 &
driver=$!
echo ready
read -r _ # nothing comes: it closes
exec 2>/dev/null # the shell would say who was killed
kill -KILL -- "-$driver" # they have inherited that SIGTERM is ignored
kill -TERM "$display"    # not so this one, which has a lock file to remove
wait "$driver"

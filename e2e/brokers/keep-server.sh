#!/usr/bin/env bash
# Runs a server until standard input closes: so it ends with the tests that started it, however those end. It is
# started again at the word "start". FOLDER has its pid and its log, and goes too.
# usage: keep-server.sh FOLDER COMMAND...
set -u
trap '' INT TERM HUP # whoever holds the other end of standard input decides
folder=$1
shift

start() {
    # Not ignored in the server, unlike here: it is to end by SIGTERM.
    (trap - INT TERM HUP && exec "$@") </dev/null >"$folder/console.log" 2>&1 &
    server=$!
    echo "$server" >"$folder/pid.new" && mv "$folder/pid.new" "$folder/pid"
}

start "$@"
while read -r word; do
    case $word in
    start)
        wait "$server" 2>/dev/null
        start "$@"
        ;;
    esac
done

exec 2>/dev/null # the shell would say who was killed
kill -CONT "$server" # a stopped process would not see what follows
kill -TERM "$server"
for _ in $(seq 100); do
    kill -0 "$server" || break
    sleep 0.1
done
kill -KILL "$server"
wait
rm -rf -- "$folder"

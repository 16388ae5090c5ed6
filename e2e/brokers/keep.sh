#!/usr/bin/env bash
# Runs a RabbitMQ node and its port mapper until standard input closes: so they end with the tests that started them,
# however those end. Everything else comes by the environment; RABBITMQ_PID_FILE is written by the node.
# All that was written goes too: the folder that is named last.
# usage: keep.sh EPMD_PORT RABBITMQ_SERVER FOLDER
set -u
trap '' INT TERM HUP # whoever holds the other end of standard input decides
epmd -port "$1" </dev/null >"$RABBITMQ_LOG_BASE/epmd.log" 2>&1 &
mapper=$!
"$2" </dev/null >"$RABBITMQ_LOG_BASE/console.log" 2>&1 &
server=$!

# Word by word from the tests: a node can be killed, and started again, while they run.
while read -r word; do
    case $word in
    start)
        wait "$server" 2>/dev/null
        rm -f -- "$RABBITMQ_PID_FILE"
        "$2" </dev/null >"$RABBITMQ_LOG_BASE/console.log" 2>&1 &
        server=$!
        ;;
    esac
done

node=$(cat -- "$RABBITMQ_PID_FILE" 2>/dev/null || echo "$server")
kill -CONT "$node" 2>/dev/null # a stopped process would not see what follows
kill -TERM "$node" 2>/dev/null
for _ in $(seq 150); do
    kill -0 "$node" 2>/dev/null || break
    sleep 0.1
done
exec 2>/dev/null # the shell would say who was killed
kill -KILL "$node" "$server" "$mapper" # the mapper has inherited that SIGTERM is ignored
wait
rm -rf -- "$3"

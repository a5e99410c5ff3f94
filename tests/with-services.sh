#!/usr/bin/env bash
# Runs a command beside a private PostgreSQL, a private Redis and a private S3-compatible server, and stops them
# afterwards, also after a failure or Ctrl-C. Servers that run on this machine already are never touched.
#
#   tests/with-services.sh cargo test --test suite tenant_init
#
# The command finds the addresses in FIXTOOL_TEST_POSTGRES (of a superuser), FIXTOOL_TEST_REDIS and FIXTOOL_TEST_S3.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
source "$root/tests/services/find.sh"
[ $# -gt 0 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2; }

bash "$root/tests/services/install.sh"

services=$(realpath -m "${CARGO_TARGET_DIR:-$root/target}")/test-services
mkdir -p "$services"
dir=$(mktemp -d "$services/XXXXXX")
chmod 755 "$dir"
if ! as_server_user test -x "$dir" 2>/dev/null; then
    # The checkout lies where the servers' user cannot go.
    rmdir "$dir"
    dir=$(mktemp -d /tmp/fixtool-services-XXXXXX)
    chmod 755 "$dir"
fi

redis_pid=
s3_pid=
stop_services() {
    trap - EXIT
    [ -e "$dir/postgres/data/postmaster.pid" ] &&
        bash "$root/tests/services/postgres.sh" stop "$dir/postgres" immediate >/dev/null 2>&1 || true
    [ -n "$redis_pid" ] && kill "$redis_pid" 2>/dev/null || true
    [ -n "$s3_pid" ] && kill "$s3_pid" 2>/dev/null || true
    rm -rf "$dir"
}
trap stop_services EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

s3_server=$(bash "$root/tests/services/s3.sh" "$services/s3")
s3_port=$(free_port)
# It takes some seconds to start, so it is started first and waited for last.
setsid "$s3_server" -H 127.0.0.1 -p "$s3_port" >"$dir/s3.log" 2>&1 &
s3_pid=$!

for attempt in 1 2 3; do
    postgres_port=$(free_port)
    if bash "$root/tests/services/postgres.sh" start "$dir/postgres" "$postgres_port"; then
        break
    fi
    [ "$attempt" -lt 3 ] || { echo "PostgreSQL does not start" >&2; exit 1; }
done

redis_port=$(free_port)
# In a session of its own, so that Ctrl-C reaches the tests first and the server last.
setsid redis-server --bind 127.0.0.1 --port "$redis_port" --save '' --appendonly no --dir "$dir" \
    >"$dir/redis.log" 2>&1 &
redis_pid=$!
for _ in $(seq 50); do
    (exec 3<>"/dev/tcp/127.0.0.1/$redis_port") 2>/dev/null && break
    kill -0 "$redis_pid" 2>/dev/null || { cat "$dir/redis.log" >&2; exit 1; }
    sleep 0.1
done

for _ in $(seq 300); do
    (exec 3<>"/dev/tcp/127.0.0.1/$s3_port") 2>/dev/null && break
    kill -0 "$s3_pid" 2>/dev/null || { cat "$dir/s3.log" >&2; exit 1; }
    sleep 0.1
done

# What tests make once for several of them goes with the servers.
export FIXTOOL_TEST_FOLDER=$dir
export FIXTOOL_TEST_S3="http://127.0.0.1:$s3_port"
export FIXTOOL_TEST_POSTGRES="postgres://fixtool@127.0.0.1:$postgres_port/postgres"
export FIXTOOL_TEST_REDIS="redis://127.0.0.1:$redis_port"
"$@"

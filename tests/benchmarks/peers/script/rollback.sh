#!/bin/sh
# ./rollback.sh VERSION HOST=URL…: switch everywhere to the release before that has this version.
set -eu
# shellcheck source=tests/benchmarks/peers/script/common.sh
. "${0%/*}/common.sh"
version=$1
shift

switch() {
    at "$1" "release=\$(ls -t $app/releases | grep -- '-$version\$' | head -n 1) && $(point '$release')"
    healthy "$2"
}

everywhere switch "$@"

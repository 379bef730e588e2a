#!/bin/sh
# The runbook's own commands: scripts/deploy.sh staging, scripts/deploy.sh production [--rollback]. Other options are inv's.
set -eu

environment=${1:-}
case "$environment" in
    '' | -*)
        printf 'Usage: scripts/deploy.sh ENVIRONMENT [--rollback] [options of inv deploy or inv rollback]\n' >&2
        exit 2
        ;;
esac
shift
cd -- "$(dirname -- "$0")/.."
scripts/setup
if [ "${1:-}" = --rollback ]; then
    shift
    exec .venv/bin/python -m invoke rollback --env="$environment" "$@"
fi
exec .venv/bin/python -m invoke deploy --env="$environment" "$@"

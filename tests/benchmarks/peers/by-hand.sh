#!/bin/sh
# ./by-hand.sh deploy COMMIT VERSION HOST=URL…: upload everywhere, then switch everywhere.
# ./by-hand.sh rollback VERSION HOST=URL…: back to the release of that version.
# A host is given by its name for ssh and its own front's address.
set -eu
place=$(git rev-parse --git-dir)/by-hand  # its ssh_config, and the connections that are open
app=/srv/script

at() {
    host=$1
    shift
    ssh -F "$place/ssh_config" -o ControlMaster=auto -o ControlPersist=60 -o ControlPath="$place/control/%n" "root@$host" "$@"
}

# All hosts at once; fails when one of them does.
everywhere() {
    step=$1
    shift
    pids=
    for each in "$@"; do
        "$step" "${each%%=*}" "${each#*=}" &
        pids="$pids $!"
    done
    for pid in $pids; do wait "$pid"; done
}

upload() {
    git archive --format=tar.gz "$commit" |
        at "$1" "mkdir -p $app/releases/$release && tar -xzC $app/releases/$release"
}

# A symlink that is removed and made again would be missing for a moment; a rename is not.
switch() {
    at "$1" "ln -sfn releases/$release $app/next && mv -T $app/next $app/current && systemctl restart script;
        ls -1dt $app/releases/* | tail -n +21 | xargs -r rm -rf"
    healthy "$2"
}

back() {
    at "$1" "release=\$(ls -t $app/releases | grep -- '-$version\$' | head -n 1) &&
        ln -sfn releases/\$release $app/next && mv -T $app/next $app/current && systemctl restart script"
    healthy "$2"
}

healthy() {
    tries=0
    until curl -fsS "$1/api/version" 2>/dev/null | grep -q "\"version\": \"$version\""; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || exit 1
        sleep 0.05
    done
}

case $1 in
    deploy)
        commit=$2 version=$3
        shift 3
        release=$(date -u +%Y%m%d%H%M%S)-$version
        everywhere upload "$@"
        everywhere switch "$@"
        ;;
    rollback)
        version=$2
        shift 2
        everywhere back "$@"
        ;;
esac

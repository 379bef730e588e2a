# What deploy and rollback share. Each host is given as NAME=URL: its name for ssh, and its own front.
app=/srv/script

at() {
    host=$1
    shift
    ssh -F "$SSH_CONFIG" -o ControlMaster=auto -o ControlPersist=60 -o ControlPath="$CONTROL/%C" "root@$host" "$@"
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

# Two commands would leave a moment without `current`; a rename does not.
point() {
    printf '%s' "ln -sfn releases/$1 $app/next && mv -T $app/next $app/current && systemctl restart script"
}

healthy() {
    tries=0
    until curl -fsS "$1/api/version" 2>/dev/null | grep -q "\"version\": \"$version\""; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || exit 1
        sleep 0.05
    done
}

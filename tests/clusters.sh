# What the clusters for tests share: tests/gridengine and tests/slurm, `start` and `stop`. To be
# sourced by their common.sh, which says what pids_of is; not run.
# shellcheck shell=bash

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit 1; }

# within SECONDS COMMAND...: ask every 0.1 s until COMMAND succeeds; fail when the time is over.
within() {
    local end=$((SECONDS + $1)); shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS <= end)) || return 1
        sleep 0.1
    done
}

runs() { [[ -n $(pids_of "$1") ]]; }
none_left() { [[ -z $(pids_of "$@") ]]; }

# end_all NAME...: TERM, then KILL, to these programs.
end_all() {
    local pids
    for signal in TERM KILL; do
        mapfile -t pids < <(pids_of "$@")
        ((${#pids[@]})) || return 0
        kill -"$signal" "${pids[@]}" 2>/dev/null || true
        ! within 10 none_left "$@" || return 0
    done
    die "still running after KILL: $*"
}

# installed PACKAGE...: whether all of them are.
installed() {
    [[ $(dpkg-query -W -f '${db:Status-Status}\n' "$@" 2>/dev/null | grep -cx installed) == "$#" ]]
}

install_packages() {
    say "installing $*"
    export DEBIAN_FRONTEND=noninteractive
    local get=(apt-get --option DPkg::Lock::Timeout=300 install --yes --quiet
        --no-install-recommends "$@")
    # The first try spares the download of the lists where they are fresh.
    "${get[@]}" || { apt-get update --quiet && "${get[@]}"; }
}

# daemonize [NAME=VALUE...] COMMAND...: a daemon gets none of the caller's environment (jobs would
# inherit it), no open files (the pipe of an `eval` would never close), and few descriptors at
# most: some close them all, one by one, and containers allow a thousand million.
daemonize() {
    (
        cd /
        (($(ulimit -n) <= 16384)) || ulimit -n 16384
        exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            "$@" </dev/null 9>&-
    ) || true # what counts is whether it answers
}

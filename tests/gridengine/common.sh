# What `start` and `stop` share: where Debian's Grid Engine keeps its things, and how to
# find its processes. To be sourced, not run.
# shellcheck shell=bash disable=SC2034

export SGE_ROOT=/var/lib/gridengine SGE_CELL=default
programs=/usr/lib/gridengine
common=$SGE_ROOT/$SGE_CELL/common
spool=/var/spool/gridengine
host=localhost
gids=65400-65500 # one supplementary group marks the processes of one job

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

# pids_of NAME...: the processes that run these very programs of the packages. A pid file may
# be stale and a command name may be anyone's; the executable is neither.
pids_of() {
    local name path exe
    for path in /proc/[0-9]*; do
        exe=$(readlink "$path/exe" 2>/dev/null) || continue
        for name; do
            [[ ${exe% (deleted)} != "$programs/$name" ]] || echo "${path#/proc/}"
        done
    done
}

runs() { [[ -n $(pids_of "$1") ]]; }
none_left() { [[ -z $(pids_of "$@") ]]; }

# pids_of_jobs: every process that the execution daemon marked as part of a job.
pids_of_jobs() {
    awk -v low="${gids%-*}" -v high="${gids#*-}" '
        /^Groups:/ { for (i = 2; i <= NF; i++) if ($i >= low && $i <= high) {
            split(FILENAME, part, "/"); print part[3]; next } }
    ' /proc/[0-9]*/status 2>/dev/null || true
}

no_jobs_left() { [[ -z $(pids_of_jobs) ]]; }

# end_all NAME...: TERM, then KILL, to these programs.
end_all() {
    local pids
    for signal in TERM KILL; do
        mapfile -t pids < <(pids_of "$@")
        ((${#pids[@]})) || return 0
        kill -"$signal" "${pids[@]}" 2>/dev/null || true
        ! within 5 none_left "$@" || return 0
    done
    die "still running after KILL: $*"
}

# end_jobs: KILL to the shepherds, so that none restarts or reports anything, then to the jobs.
end_jobs() {
    local pids
    mapfile -t pids < <(pids_of sge_shepherd; pids_of_jobs)
    ((${#pids[@]})) || return 0
    kill -KILL "${pids[@]}" 2>/dev/null || true
    within 5 no_jobs_left || die "processes of jobs are still running after KILL"
}

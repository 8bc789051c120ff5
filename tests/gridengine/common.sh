# What `start` and `stop` share: where Debian's Grid Engine keeps its things, and how to
# find its processes. To be sourced, not run.
# shellcheck shell=bash disable=SC2034

export SGE_ROOT=/var/lib/gridengine SGE_CELL=default
programs=/usr/lib/gridengine
common=$SGE_ROOT/$SGE_CELL/common
spool=/var/spool/gridengine
host=localhost
gids=65400-65500 # one supplementary group marks the processes of one job

# shellcheck source=tests/clusters.sh
source "${BASH_SOURCE[0]%/*}/../clusters.sh"

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

# pids_of_jobs: every process that the execution daemon marked as part of a job.
pids_of_jobs() {
    awk -v low="${gids%-*}" -v high="${gids#*-}" '
        /^Groups:/ { for (i = 2; i <= NF; i++) if ($i >= low && $i <= high) {
            split(FILENAME, part, "/"); print part[3]; next } }
    ' /proc/[0-9]*/status 2>/dev/null || true
}

no_jobs_left() { [[ -z $(pids_of_jobs) ]]; }

# end_jobs: KILL to the shepherds, so that none restarts or reports anything, then to the jobs.
end_jobs() {
    local pids
    mapfile -t pids < <(pids_of sge_shepherd; pids_of_jobs)
    ((${#pids[@]})) || return 0
    kill -KILL "${pids[@]}" 2>/dev/null || true
    within 5 no_jobs_left || die "processes of jobs are still running after KILL"
}

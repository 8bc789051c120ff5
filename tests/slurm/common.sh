# What `start` and `stop` share: where a Slurm for tests keeps its things, and how to find its
# processes. To be sourced, with the arguments of the command; not run.
# shellcheck shell=bash disable=SC2034

# shellcheck source=tests/clusters.sh
source "${BASH_SOURCE[0]%/*}/../clusters.sh"

accounting=no
folder=/var/lib/drmaa-cffi-slurm
port=25000 # below those that the kernel gives to outgoing connections
overrides=()
place=
while (($#)); do
    case $1 in
        --accounting) accounting=yes ;;
        --folder) place=${2-} && shift ;;
        --port) port=${2-} && shift ;;
        [A-Z]*=*) overrides+=("$1") ;;
        *) die "unknown argument: $1; legal are --accounting, --folder PATH, --port NUMBER, KEY=VALUE of slurm.conf" ;;
    esac
    shift || die "the last argument needs a value"
done
# Two that run beside each other: nobody's accounting is turned off under his feet.
if [[ $accounting == yes && -z $place ]]; then folder+=-accounting port=$((port + 10)); fi
folder=${place:-$folder}
[[ $folder == /* ]] || die "not an absolute path: $folder"

export SLURM_CONF=$folder/slurm.conf
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
host=$(hostname -s)

# marked VARIABLE=VALUE: the processes with this in their environment. All that belong to this
# Slurm have its SLURM_CONF there; a pid file may be stale and a command name may be anyone's.
marked() { { grep -lzsxF -e "$1" /proc/[0-9]*/environ || true; } | cut -d / -f 3; }

# pids_of NAME...: the processes of this Slurm that run these very programs.
pids_of() {
    local pid name exe
    for pid in $(marked "SLURM_CONF=$SLURM_CONF"); do
        exe=$(readlink "/proc/$pid/exe" 2>/dev/null) || continue
        exe=${exe% (deleted)}
        for name; do
            [[ ${exe##*/} != @("$name"|"$name-wlm") ]] || echo "$pid" # Debian's alternatives
        done
    done
}

# pids_of_jobs: what slurmstepd has started, found by what slurmd says to it, and their children.
pids_of_jobs() {
    local pid children=()
    mapfile -t children < <(pids_of slurmstepd)
    while ((${#children[@]})); do
        printf '%s\n' "${children[@]}"
        pid=$(IFS=,; echo "${children[*]}")
        mapfile -t children < <(ps -o pid= --ppid "$pid" | tr -d ' ')
    done
}

# end_jobs: KILL to the steps and to all that they have started.
end_jobs() {
    local pids
    mapfile -t pids < <(pids_of_jobs)
    ((${#pids[@]})) || return 0
    kill -KILL "${pids[@]}" 2>/dev/null || true
    within 5 none_left slurmstepd || die "steps of jobs are still running after KILL"
}

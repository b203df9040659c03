#!/usr/bin/env bash
# A Slurm cluster of two nodes on this machine, for the tests: no systemd, no cgroups, no root. Everything it
# writes, its munge key and socket included, is in one folder, so several can run side by side.
#
#   one-machine.sh start DIR    starts it and waits until both nodes are idle; then export SLURM_CONF=DIR/slurm.conf
#   one-machine.sh down DIR     ends the controller alone: squeue, sbatch and scancel fail
#   one-machine.sh up DIR       starts the controller again, with the jobs it had
#   one-machine.sh crash DIR    kills the controller without a word, whatever it was about to write down
#   one-machine.sh lose DIR N   kills node N (n1 or n2) and everything that runs on it, as a power cut would
#   one-machine.sh stop DIR     cancels all jobs and ends every daemon, by the process ids in DIR
#
# SLURM_PORT is the first of three free ports; by default 16817. Debian packages: slurmctld slurmd slurm-client munge.
set -euo pipefail

verb=${1:?start, down, up, crash, lose or stop}
dir=$(realpath -m "${2:?a folder}")
port=${SLURM_PORT:-16817}
export PATH=$PATH:/usr/sbin:/sbin
export SLURM_CONF=$dir/slurm.conf

# Ends the process of a pid file and waits until it is gone.
end() {
    local pid
    [[ -s $1 ]] || return 0
    pid=$(<"$1")
    kill "$pid" 2>/dev/null || return 0
    for _ in $(seq 100); do
        # A daemon whose parent does not collect it stays as a zombie, which is as good as gone.
        [[ -e /proc/$pid && $(cut -d' ' -f3 "/proc/$pid/stat" 2>/dev/null) != Z ]] || break
        sleep 0.1
    done
    rm -f "$1"
}

write_configuration() {
    local host user
    host=$(hostname -s)
    user=$(id -un)
    cat >"$dir/slurm.conf" <<CONF
ClusterName=lab
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$dir/munge.socket
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool/%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.%n.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2
ReturnToService=2
KillWait=5
MessageTimeout=3
SlurmctldTimeout=30
SlurmdTimeout=30
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 1)) CPUs=2 RealMemory=2000 State=UNKNOWN
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 2)) CPUs=2 RealMemory=2000 State=UNKNOWN
PartitionName=debug Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
CONF
}

start_munge() {
    (umask 077 && head -c 1024 /dev/urandom >"$dir/munge.key")
    munged --socket "$dir/munge.socket" --key-file "$dir/munge.key" --seed-file "$dir/munge.seed" \
        --pid-file "$dir/munged.pid" --log-file "$dir/log/munged.log"
}

# Waits until both nodes are idle.
wait_idle() {
    for _ in $(seq 120); do
        if [[ $(sinfo --noheader --Node --format %T 2>/dev/null | grep -cx idle) == 2 ]]; then
            return 0
        fi
        sleep 0.25
    done
    echo "the nodes did not become idle; see $dir/log" >&2
    return 1
}

case $verb in
start)
    mkdir -p "$dir"/{state,spool/n1,spool/n2,log}
    # munged refuses a socket that others cannot reach, and a folder that others can write to.
    chmod 755 "$dir" "$dir/log"
    write_configuration
    start_munge
    slurmctld -i
    slurmd -N n1
    slurmd -N n2
    wait_idle
    ;;
down)
    end "$dir/slurmctld.pid"
    ;;
up)
    slurmctld
    ;;
crash)
    kill -9 "$(<"$dir/slurmctld.pid")"
    ;;
lose)
    node=${3:?a node}
    # The daemon, then the shepherd of each job on that node and what it shepherds: they are known by their environment.
    kill -9 "$(<"$dir/slurmd.$node.pid")"
    for process in /proc/[0-9]*; do
        if grep -qzx "SLURM_CONF=$SLURM_CONF" "$process/environ" 2>/dev/null &&
            grep -qzx "SLURMD_NODENAME=$node" "$process/environ" 2>/dev/null; then
            job=${process#/proc/}
            shepherd=$(cut -d' ' -f4 "$process/stat" 2>/dev/null) || continue
            if [[ $(<"/proc/$shepherd/comm") == slurmstepd ]] 2>/dev/null; then
                kill -9 "$shepherd" 2>/dev/null || true
            fi
            kill -9 "$job" 2>/dev/null || true
        fi
    done
    ;;
stop)
    if [[ -s $dir/slurmctld.pid ]]; then
        scancel --user "$(id -un)" 2>/dev/null || true
        for _ in $(seq 80); do
            [[ -n $(squeue --noheader 2>/dev/null) ]] || break
            sleep 0.1
        done
    fi
    for name in slurmd.n1 slurmd.n2 slurmctld munged; do
        end "$dir/$name.pid"
    done
    ;;
*)
    echo "what is $verb? start, down, up or stop" >&2
    exit 2
    ;;
esac

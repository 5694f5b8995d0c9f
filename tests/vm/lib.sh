# Sourced by the jobs: what several of them need in the guest.
vm=$SHARE/tests/vm
dbc=$SHARE/configs/can/ioert-beam.dbc
peer=$vm/peer.py
unit=beam-supervisor.service
observer=beam-supervisor-observe.service

fail() { echo "FAIL: $*"; exit 1; }
pass() { echo "ok: $*"; }
need_dbc() { [[ -f $dbc ]] || fail "no $dbc in the share"; }

# Bus A is can0 (supervisor) and can2 (treatment unit); bus B is can1 and can3.
buses_up() { # INTERFACE... (default: all four)
  local i
  for i in "${@:-can0 can1 can2 can3}"; do
    for i in $i; do
      ip link set "$i" down 2>/dev/null || true
      ip link set "$i" type can bitrate 1000000 && ip link set "$i" txqueuelen 128 && ip link set "$i" up || return
    done
  done
}

# What stood on the buses, as each side saw it. In memory first: the share would make the readers wait for the host.
log_buses() {
  candump -L can0 can1 >/run/supervisor-side.log & loggers=($!)
  candump -L can2 can3 >/run/unit-side.log & loggers+=($!)
  sleep 1
}
keep_logs() {
  kill "${loggers[@]}" 2>/dev/null; wait "${loggers[@]}" 2>/dev/null
  local side
  for side in supervisor unit; do gzip -c "/run/$side-side.log" >"$RESULTS/$side-side.log.gz"; done
}

# One number out of a JSON file: value FILE 'lateness_ms.max'
value() { python3 -c '
import functools, json, sys
print(functools.reduce(lambda d, k: d[k], sys.argv[2].split("."), json.load(open(sys.argv[1]))))' "$1" "$2"; }

# Whether the peer, alone on the buses, keeps 99.9 % of its periods at a scale. About 2000 cycles tell.
keeps_period() { # SCALE
  local seconds; seconds=$(python3 -c "print(max(6, 5 * $1))")
  python3 "$peer" "$dbc" --period-scale "$1" --duration "$seconds" --json "/run/alone-$1.json" 2>/dev/null || fail "the peer did not run"
  python3 - "$1" <<'PY'
import json, sys
r = json.load(open(f"/run/alone-{sys.argv[1]}.json"))
late = r["lateness_ms"]
print(f"scale {sys.argv[1]:>2}: {r['cycles']} cycles, {100 * r['kept_share']:.2f} % kept, {100 * r['within_half_period_share']:.2f} % "
      f"within half a period; late ms: median {late['median']}, 99.9 % {late['p99_9']}, max {late['max']} ({r['scheduling']})")
print("   latest:", *(f"{x['ms']} ms at {x['t']} s ({x['frame']})" for x in r["latest"]))
sys.exit(0 if r["kept_share"] >= 0.999 else 1)
PY
}

# The smallest scale in 1..20 that keeps the period, into $scale: doubling, then halving the gap.
find_scale() {
  local low=0 high=1 middle
  until keeps_period "$high"; do
    low=$high
    ((high < 20)) || fail "not even scale 20 keeps the period: this machine is too slow or too busy"
    high=$((high * 2 > 20 ? 20 : high * 2))
  done
  while ((high - low > 1)); do
    middle=$(((low + high) / 2))
    if keeps_period "$middle"; then high=$middle; else low=$middle; fi
  done
  scale=$high
}

# The machine and its plan, unless a job says otherwise. Chamber 2 collects 1.002 as much, and is calibrated so.
mu=400 prf=10 mu_per_pulse=4 pc_per_mu=5000 pc_per_mu_2=5010
# What the service is started with besides its configuration.
run_options='--plan /etc/beam-supervisor/plan.toml --arm-now'

# Several deliveries in one guest, each a case with a name: [--scale N] [CASE...] of a job's arguments.
scale=1 cases=() failed=() tried=0 all=$RESULTS
choose_cases() {
  [[ ${1:-} != --scale ]] || { scale=$2; shift 2; }
  cases=("$@")
}
# One of them, unless others were chosen; in a folder of its own, and judged by expected.py.
try() { # CASE EXPECTATION [OPTION of delivery.sh...]
  local name=$1 expectation=$2; shift 2
  ((${#cases[@]} == 0)) || [[ " ${cases[*]} " == *" $name "* ]] || return 0
  echo "== $name"
  tried=$((tried + 1))
  RESULTS=$all/$name bash "$vm/jobs/delivery.sh" --scale "$scale" --expect "$expectation" "$@" || failed+=("$name")
}
tell_tried() { # JOB; its status is that of the job
  ((tried && tried >= ${#cases[@]})) || fail "$1 has not all of the cases ${cases[*]}"
  ((${#failed[@]} == 0)) || fail "$1: ${#failed[@]} of $tried failed: ${failed[*]}"
  pass "$1, all $tried"
}

# The buses as the project's own files set them up for the supervisor, by hand for the treatment unit.
install_service() {
  install -m 755 "$SHARE/bin/beam-supervisor" /usr/bin/
  install -m 644 -t /etc/systemd/system "$SHARE"/systemd/*.service "$SHARE"/systemd/*.socket
  install -m 644 -t /etc/sysusers.d -D "$SHARE"/systemd/sysusers.d/*.conf
  install -m 644 -t /etc/sysctl.d -D "$SHARE"/systemd/sysctl.d/*.conf
  install -m 644 -t /etc/systemd/network -D "$SHARE"/systemd/network/*.network
  install -m 644 -t /etc/udev/rules.d -D "$SHARE"/systemd/udev/*.rules
  if [[ ${signal:-} == disk:* ]]; then      # a disk of its own, small enough to be filled at once
    mkdir -p "${signal#disk:}" && mount -t tmpfs -o size=4m tmpfs "${signal#disk:}" || return
  fi
  systemd-sysusers && sysctl --quiet --system >/dev/null || return
  udevadm control --reload && udevadm trigger --sysname-match=cpu_dma_latency --settle || return
  mkdir -p /etc/beam-supervisor "/etc/systemd/system/$unit.d"
  cp -r "$SHARE"/configs/. /etc/beam-supervisor/
  local from
  for from in "$vm"/config/*.in; do
    sed -e "s/@SCALE@/$scale/; s/@PRF@/$prf/; s/@MU_PER_PULSE@/$mu_per_pulse/; s/@PC_PER_MU@/$pc_per_mu/" \
      -e "s/@PC_PER_MU_2@/$pc_per_mu_2/; s/@FULL_SCALE_PC@/$((3 * mu_per_pulse * pc_per_mu))/" \
      -e "s/@MU@/$mu/; s/@GY@/$(python3 -c "print($mu * 0.9 / 100)")/" \
      "$from" >"/etc/beam-supervisor/$(basename "${from%.in}")"
  done
  cp -r /etc/beam-supervisor "$RESULTS/config"
  # A guest that waits for a busy host sees its clock run on meanwhile, over any time-out.
  mkdir -p /etc/systemd/system/systemd-networkd.service.d
  printf '[Service]\nTimeoutStartSec=infinity\n' >/etc/systemd/system/systemd-networkd.service.d/job.conf
  systemctl daemon-reload && systemctl start systemd-networkd || return
  local i
  for i in $(seq 50); do
    [[ $(cat /sys/class/net/can0/operstate /sys/class/net/can1/operstate) == $'up\nup' ]] && { person_acts; return; }
    sleep 0.2
  done
  echo "networkd did not bring can0 and can1 up"; networkctl; return 1
}

# The first id of a new machine takes a start of its own, in which nothing is armed; that the output check after the last
# delivery was done is said once.
person_acts() {
  local state=/var/lib/beam-supervisor options=()
  if [[ ! -e $state/delivery-id ]]; then
    exec_start --next-delivery-id 1
    systemctl start "$unit" && systemctl stop "$unit" beam-supervisor.socket || return
  fi
  [[ ! -e $state/unclean-end ]] || options+=(--output-check-done "$(cat "$state/unclean-end")")
  exec_start "${options[*]}"
}

# What a person enters is entered once; whatever systemd starts again later must know by itself where it was.
exec_start() { # [OPTION...]
  cat >"/etc/systemd/system/$unit.d/job.conf" <<CONF
[Service]
ExecStart=
ExecStart=/usr/bin/beam-supervisor run --config /etc/beam-supervisor/supervisor.toml $run_options $*
# The emulated processor is slow to start a program; nothing here waits for it to be quick.
TimeoutStartSec=120s
CONF
  systemctl daemon-reload
}

# The same program as a service that only observes, on the same interfaces; its guards go after the peer and the service.
start_observing() {
  sed -e 's#/var/lib/beam-supervisor#&-observe#; s/:9750/:9751/' \
    -e 's/= 49/= 39/; s/= 48/= 38/' /etc/beam-supervisor/supervisor.toml >/etc/beam-supervisor/observe.toml
  mkdir -p "/etc/systemd/system/$observer.d"
  printf '[Service]\nTimeoutStartSec=120s\n' >"/etc/systemd/system/$observer.d/job.conf"
  systemctl daemon-reload
  systemctl start "${observer/service/socket}" "$observer"
}
stop_observing() {
  curl -sS --max-time 20 http://127.0.0.1:9751/metrics >"$RESULTS/observer-metrics.txt"
  local asked=${EPOCHREALTIME/./}
  systemctl stop "$observer"
  echo $(((${EPOCHREALTIME/./} - asked) / 1000)) >"$RESULTS/observer-stop-ms.txt"
  systemctl stop "${observer/service/socket}"
  systemctl show "$observer" -p Result,NRestarts,ExecMainStatus >"$RESULTS/observer-unit.txt"
  journalctl --no-pager -o cat -b -u "$observer" >"$RESULTS/observer.txt"
  mkdir -p "$RESULTS/observed" && cp -r /var/lib/beam-supervisor-observe/. "$RESULTS/observed/"
}

# Sourced by the jobs: what several of them need in the guest.
vm=$SHARE/tests/vm
dbc=$SHARE/configs/can/ioert-beam.dbc
peer=$vm/peer.py

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

# A whole delivery: the real service under systemd on can0 and can1, the independent treatment unit on can2 and can3.
#
#   delivery [--fault NAME@PULSE] [--kill HOW] [--scale N] [--mu MU] [--prf HZ] [--observe]
#            [--stray COUNT@MS[:HZ]] [--gate-defect DEFECT:PERMIT] [--expect WHAT]
#
# Without a fault the planned MU must arrive. With one (see peer.py) the delivery must end TRIPPED. With --kill the service
# or its machine suffers in mid-beam what end.py can do: the gate must close by itself, and no beam may come again.
# What must not end the beam (clock:SECONDS, hold:metrics) lets the planned MU arrive. With --observe a second service on the
# same interfaces only observes: it must disturb nothing, send nothing, and tell of the same delivery. With --expect the
# service's own verdict on a delivery that ended badly, or must never begin, is judged by expected.py.
set -u
. "$(dirname "$0")/../lib.sh"
fault=() signal='' killed=() scale='' observing='' wrong=() expect=()
while (($#)); do
  case $1 in
    --observe) observing=yes; shift; continue ;;
    --fault) fault+=(--fault "$2") ;;
    --stray | --gate-defect) wrong+=("$1" "$2") ;;
    --expect) expect=($2) ;;
    --prf) prf=$2 ;;
    --kill) signal=$2 ;;
    --scale) scale=$2 ;;
    --mu) mu=$2 ;;
    *) fail "unknown option $1" ;;
  esac
  shift 2
done
need_dbc
[[ -x $SHARE/bin/beam-supervisor ]] || fail "no release binary was staged: build it, or name one in BEAM_SUPERVISOR"
mkdir -p "$RESULTS/records"
systemctl stop "$unit" beam-supervisor.socket 2>/dev/null
systemctl stop "$observer" "${observer/service/socket}" 2>/dev/null
rm -rf /var/lib/beam-supervisor /var/lib/beam-supervisor-observe /etc/beam-supervisor /run/peer.* "$RESULTS"/{config,metrics-begun.txt}

collect() {
  [[ ! $observing ]] || stop_observing
  curl -sS --max-time 20 http://127.0.0.1:9750/metrics >"$RESULTS/metrics.txt" 2>"$RESULTS/metrics.err" &&
    rm -f "$RESULTS/metrics.err"
  systemctl show "$unit" -p ActiveState,SubState,Result,NRestarts,ExecMainStatus,ExecMainCode >"$RESULTS/unit.txt"
  kill -TERM "$treatment_unit" 2>/dev/null; wait "$treatment_unit" 2>/dev/null
  keep_logs
  systemctl stop "$unit" beam-supervisor.socket
  systemctl show -P ExecMainStatus "$unit" >"$RESULTS/exit-status.txt"
  case $signal in
    clock:*) python3 "$vm/end.py" "clock:$((-${signal#clock:}))" $$ >/dev/null; begun=$((begun - 3700)) ;;
    flood:*) ip link set "${signal#flood:}" down; echo "$(</run/flooded) frames flooded the bus" ;;
  esac
  [[ $signal != pull:* ]] || ip link set "${signal#pull:}" up      # plugged in again, for whoever comes next
  journalctl --no-pager -o short-precise -b --since "@$begun" >"$RESULTS/journal.txt"
  journalctl --no-pager -o cat -b -u "$unit" --since "@$begun" >"$RESULTS/service.txt"
  [[ ! -d /var/lib/beam-supervisor ]] || cp -r /var/lib/beam-supervisor/. "$RESULTS/records/"
  [[ $signal != disk:* ]] || umount "${signal#disk:}"
  cp /run/peer.json /run/peer.txt "$RESULTS/" 2>/dev/null
}

if [[ ! $scale ]]; then
  buses_up || fail "the controllers do not come up"
  log_buses
  find_scale
  kill "${loggers[@]}"; wait "${loggers[@]}" 2>/dev/null
  ip link set can0 down; ip link set can1 down
fi
echo "period scale $scale"
[[ $signal != flood:* ]] || buses_up "${signal#flood:}" || fail "the third node does not come up"
buses_up can2 can3 || fail "the treatment unit's controllers do not come up"
install_service || fail "the service could not be installed"
[[ $signal != watchdog ]] || sync        # what was installed is to outlive the reset; what the service writes is its own matter
[[ ! $observing ]] || start_observing || { journalctl --no-pager -u "$observer" | tail -n 30; fail "the observer did not start"; }
log_buses

# Long enough for proving, which stretches with the scale, and for twice the beam.
limit=$(python3 -c "print(int(90 + 10 * $scale + 2 * $mu / $mu_per_pulse / $prf))")
python3 "$peer" "$dbc" --period-scale "$scale" --prf "$prf" --mu-per-pulse "$mu_per_pulse" --pc-per-mu "$pc_per_mu" \
  --request-after-ms "$((100 + 50 * scale))" --duration "$limit" "${fault[@]}" "${wrong[@]}" --json /run/peer.json 2>/run/peer.txt &
treatment_unit=$!
begun=$EPOCHSECONDS
trap collect EXIT

systemctl start beam-supervisor.socket "$unit" || { journalctl --no-pager -u "$unit" | tail -n 30; fail "the service did not start"; }
exec_start
echo "service: $(systemctl is-active "$unit"), process $(systemctl show -P MainPID "$unit")"
threads=$(ps -L -o class,rtprio,comm -p "$(systemctl show -P MainPID "$unit")")
sort <<<"$threads" | uniq -c
[[ $(awk '$1 == "FF" { print $3 }' <<<"$threads" | sort | xargs) == "guard-dose1 guard-dose2 guard-interlock guard-time" ]] ||
  fail "the guards, and nobody else, are to be real-time threads"

seen=0
for ((i = 0; i < limit * 2; i++)); do
  lines=$(wc -l </run/peer.txt)
  ((lines == seen)) || { sed -n "$((seen + 1)),${lines}p" /run/peer.txt; seen=$lines; }
  if [[ ! -s $RESULTS/metrics-begun.txt ]] && grep -q 'taken up' /run/peer.txt; then
    curl -sS --max-time 20 http://127.0.0.1:9750/metrics >"$RESULTS/metrics-begun.txt"
  fi
  if [[ $signal && ! ${killed[*]} ]] && grep -q ' 20 pulses' /run/peer.txt; then
    pid=$(systemctl show -P MainPID "$unit")
    [[ $signal != watchdog ]] || touch "$RESULTS/reset-is-due"
    moment=$(python3 "$vm/end.py" "$signal" "$pid") || fail "$signal could not be done: $moment"
    killed=(--killed-at "$moment")
    echo "$signal to process $pid in mid-beam"
    [[ ! ${expect[*]} ]] || continue
    # What the beam may outlive is watched to the end of the delivery.
    case $signal in clock:* | flood:* | disk:* | hold:metrics | hold:recorder) continue ;; esac
    sleep 10                   # for what comes back: the watchdog's restart, and whatever that would do
    break
  fi
  if [[ ${expect[*]} ]]; then
    ! compgen -G '/var/lib/beam-supervisor/records/*/report.json' >/dev/null || break     # its verdict
  else
    ! grep -q 'delivery ended' /run/peer.txt || break
  fi
  kill -0 "$treatment_unit" 2>/dev/null || break
  systemctl is-active --quiet "$unit" || { echo "the service ended by itself"; break; }
  sleep 0.5
done
sleep 2                        # a scrape later than the record
trap - EXIT
collect

python3 "$vm/judge.py" "$dbc" /run/unit-side.log --pc-per-mu "$pc_per_mu" --json "$RESULTS/judge.json"
judged=$?
# What candump saw at the supervisor's side must, judged again, come to the same end.
[[ $signal ]] || { beam-supervisor replay /run/supervisor-side.log --config /etc/beam-supervisor/supervisor.toml \
  --plan /etc/beam-supervisor/plan.toml --json >"$RESULTS/replay.json" 2>"$RESULTS/replay.err"
echo $? >"$RESULTS/replay-status.txt"; }
if [[ ${expect[*]} ]]; then
  python3 "$vm/expected.py" "$RESULTS" "${expect[@]}" "${killed[@]}" || { tail -n 30 "$RESULTS/service.txt"; fail "${expect[*]}"; }
  pass "${expect[*]}, at period scale $scale"
  exit
fi
python3 "$vm/verdict.py" "$RESULTS" --mu "$mu" "${fault[@]}" "${killed[@]}" ${signal:+--how "$signal"} || { tail -n 30 "$RESULTS/service.txt"; fail "delivery"; }
((judged == 0)) || fail "the buses show a rule broken"
[[ ! $observing ]] || python3 "$vm/observed.py" "$RESULTS" /run/unit-side.log || { cat "$RESULTS/observer.txt"; fail "observing"; }
[[ $signal || -s $RESULTS/metrics.txt ]] || fail "no metrics: $(cat "$RESULTS/metrics.err")"
pass "delivery at period scale $scale"

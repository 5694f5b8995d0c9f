# A flood that every guard hears, on both buses at once, as fast as the controllers carry it: each frame is either counted by
# the guards or counted as lost, and the guards neither fault a page nor grow.
#
#   million [--frames N]          frames on both buses together (default 1 000 000)
set -u
. "$(dirname "$0")/../lib.sh"
frames=1000000 scale=1 run_options=''
[[ ${1:-} != --frames ]] || frames=$2
need_dbc
[[ -x $SHARE/bin/beam-supervisor ]] || fail "no release binary was staged: build it, or name one in BEAM_SUPERVISOR"
buses_up can2 can3 || fail "the treatment unit's controllers do not come up"
install_service || fail "the service could not be installed"
systemctl start beam-supervisor.socket "$unit" || { journalctl --no-pager -u "$unit" | tail -n 30; fail "the service did not start"; }

look() { # NAME
  local i
  curl -sS --max-time 30 http://127.0.0.1:9750/metrics >"$RESULTS/$1-metrics.txt" || return
  for i in can0 can1 can2 can3; do
    (cd "/sys/class/net/$i/statistics" && grep . rx_packets tx_packets rx_over_errors rx_dropped rx_errors rx_fifo_errors tx_dropped tx_errors) |
      sed "s/^/$i /"
  done >"$RESULTS/$1-interfaces.txt"
}
sleep 5                         # the guards' first turns, with the page faults of their start
look before || fail "no metrics before"
begun=$EPOCHREALTIME
# 101 and 102 are the chambers' readings, which three guards count and the time guard hears, too. -p waits where the queue is full.
cangen can2 -g 0 -p 1000 -I 101 -L 8 -D i -n $((frames / 2)) & first=$!
cangen can3 -g 0 -p 1000 -I 102 -L 8 -D i -n $((frames / 2)) & second=$!
wait $first || fail "cangen on bus A"
wait $second || fail "cangen on bus B"
ended=$EPOCHREALTIME
sleep 3                         # the last records, and a round of the service's own look
look after || fail "no metrics after"
systemctl stop "$unit" beam-supervisor.socket
journalctl --no-pager -o cat -b -u "$unit" >"$RESULTS/service.txt"
python3 "$vm/million.py" "$RESULTS" --frames "$frames" --seconds "$(python3 -c "print($ended - $begun)")" || fail "million"
pass "$frames frames"

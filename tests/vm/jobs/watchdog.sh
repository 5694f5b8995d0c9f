# The machine is reset by its watchdog device in mid-beam, with everything that was only in memory lost, and starts again on the
# disk as the reset left it: the service must know of the unclean end and bring no beam, though it is asked to arm.
#
# Gate and chambers die with the guest, so when the gate would have closed is not seen here; that silence closes it is shown by
# KILL and STOP.
set -u
. "$(dirname "$0")/../lib.sh"
if [[ ! -e $RESULTS/reset-is-due ]]; then
  bash "$(dirname "$0")/delivery.sh" --scale 1 --kill watchdog
  fail "the watchdog did not reset the machine"
fi
echo "== after the reset"
state=/var/lib/beam-supervisor
[[ -s $state/unclean-end ]] || { ls -l "$state"; fail "no mark of the delivery has survived"; }
echo "marked as not ended cleanly: delivery $(<"$state/unclean-end"); last delivery id $(<"$state/delivery-id")"
cp -r "$state" "$RESULTS/survived"
buses_up can2 can3 || fail "the treatment unit's controllers do not come up"
# as systemd would at boot: nobody has said anything, and the command line asks to arm
systemctl start systemd-networkd beam-supervisor.socket || fail "the network or the port does not come up"
python3 "$peer" "$dbc" --period-scale 1 --prf "$prf" --mu-per-pulse "$mu_per_pulse" --pc-per-mu "$pc_per_mu" \
  --request-after-ms 150 --duration 15 --json /run/peer.json >/dev/null 2>/run/peer.txt &
treatment_unit=$!
systemctl start "$unit"
wait "$treatment_unit"
journalctl --no-pager -o cat -b -u "$unit" >"$RESULTS/service.txt"
cp /run/peer.json /run/peer.txt "$RESULTS/"
cat "$RESULTS/service.txt"
[[ $(value /run/peer.json pulses) == 0 ]] || fail "a pulse came after the reset"
! grep -q 'gate open' /run/peer.txt || fail "the gate opened after the reset"
grep -q 'output-check-done' "$RESULTS/service.txt" || fail "nobody is told what is to be done"
grep -q 'at least [1-9].* MU were delivered' "$RESULTS/service.txt" || fail "the dose before the reset is not known"
[[ -s $state/unclean-end ]] || fail "the mark is gone although nobody has acted"
pass "a reset in mid-beam: the service knows of it and arms nothing"

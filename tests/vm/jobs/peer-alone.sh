# The treatment unit alone on its buses: gate closed, all periodic frames going out, nobody answering. Which stretch of the
# periods does this machine need?
set -u
. "$(dirname "$0")/../lib.sh"
need_dbc
buses_up || fail "the controllers do not come up"

python3 "$vm/test_gate.py" "$dbc" 2>&1 | tail -n 3
((PIPESTATUS[0] == 0)) || fail "the peer's gate breaks its rules"
log_buses                    # the readers that a delivery has, too
find_scale
cp "/run/alone-$scale.json" "$RESULTS/peer.json"
keep_logs
[[ $(value "$RESULTS/peer.json" pulses) == 0 ]] || fail "a pulse without a permit"
[[ $(value "$RESULTS/peer.json" final.state) == CLOSED ]] || fail "the gate is not closed"
pass "peer-alone: smallest period scale $scale"

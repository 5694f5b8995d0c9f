# What `check --bus` says of real interfaces: one that is down, one on which nobody speaks, one at another bit rate, one on
# which the treatment unit speaks but another is missing, and one that is no CAN interface.
set -u
. "$(dirname "$0")/../lib.sh"
need_dbc
install -m 755 "$SHARE/bin/beam-supervisor" /usr/bin/
says() { # WORDS EXPECTED_STATUS NAME...
  local words=$1 status=$2 got; shift 2
  got=$(beam-supervisor check --bus --seconds 2 "$@" 2>&1); local code=$?
  echo "$got"
  [[ $code == "$status" ]] || fail "exit status $code instead of $status for $*"
  grep -q "$words" <<<"$got" || fail "nothing of '$words' for $*"
}
ip link set can0 down 2>/dev/null
says "is down" 69 can0
says "not a CAN interface" 69 lo
says "does not exist" 69 can9
buses_up can0 can1 can2 can3 || fail "the controllers do not come up"
says "nothing was heard" 1 can0
# two frames of another device; nothing is expected of an interface without a configuration
(for i in 1 2 3 4 5 6; do sleep 0.3; cansend can2 7AB#0011223344556677; done) &
says "0x7ab is heard, and is none of the bus contract" 1 can0
wait
ip link set can0 down; ip link set can0 type can bitrate 500000; ip link set can0 up
says "runs at 500000 bit/s" 1 can0
pass "check --bus says what is wrong"

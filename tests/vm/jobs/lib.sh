# Sourced by the jobs: what several of them need in the guest.
vm=$SHARE/tests/vm
dbc=$SHARE/configs/can/ioert-beam.dbc
export PYTHONPATH=$vm

fail() { echo "FAIL: $*"; exit 1; }
pass() { echo "ok: $*"; }

# Bus A is can0 (supervisor) and can2 (treatment unit); bus B is can1 and can3.
buses_up() {
  local i
  for i in 0 1 2 3; do
    ip link set "can$i" down 2>/dev/null || true
    ip link set "can$i" type can bitrate 1000000 berr-reporting on || return
    ip link set "can$i" txqueuelen 128
    ip link set "can$i" up || return
  done
}

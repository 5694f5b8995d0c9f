# Smoke: is this guest the machine that the other jobs rely on?
set -u
. "$(dirname "$0")/../lib.sh"

uname -a
grep -q 1 /sys/kernel/realtime || fail "the kernel is not PREEMPT_RT"
pass "the kernel is PREEMPT_RT"

for i in 0 1 2 3; do
  driver=$(basename "$(readlink "/sys/class/net/can$i/device/driver")")
  [[ $driver == kvaser_pci ]] || fail "can$i is driven by '$driver', not by kvaser_pci"
done
buses_up || fail "the controllers do not come up"
for i in 0 1 2 3; do
  ip -details link show "can$i" | grep -q 'state ERROR-ACTIVE' || fail "can$i is not error-active"
  ip -details link show "can$i" | grep -q 'bitrate 1000000' || fail "can$i is not at 1 Mbit/s"
done
pass "can0 to can3 are up at 1 Mbit/s, driver kvaser_pci"

# Each bus must carry a frame both ways and must not leak into the other.
crosses() { # FROM TO OTHER ID
  candump -n 1 -T 3000 -L "$2" >/tmp/heard & local h=$!
  candump -n 1 -T 3000 -L "$3" >/tmp/leaked & local l=$!
  sleep 1
  cansend "$1" "$4#0102030405060708" || fail "cansend $1"
  wait "$h" "$l"
  grep -q "$2 $4#0102030405060708" /tmp/heard || fail "$1 -> $2: not heard"
  [[ ! -s /tmp/leaked ]] || fail "$1 -> $3: a frame crossed from one bus to the other"
  pass "$1 -> $2 crosses, $3 hears nothing"
}
crosses can0 can2 can1 101
crosses can2 can0 can3 102
crosses can1 can3 can2 103
crosses can3 can1 can0 104

[[ -c /dev/watchdog0 ]] || fail "no watchdog device"
pass "watchdog: $(cat /sys/class/watchdog/watchdog0/identity)"
[[ $(ps -o comm= 1) == systemd ]] || fail "process 1 is not systemd"
journalctl -b -n 1 --no-pager >/dev/null || fail "no journal"
pass "$(systemctl --version | head -n 1), journal readable, system state: $(systemctl is-system-running)"
for tool in candump cyclictest stress-ng curl; do command -v "$tool" >/dev/null || fail "$tool is missing"; done
python3 - <<'PY' || fail "Python packages"
import can, cantools, importlib.metadata as m
import e2e.p01
print("ok: python packages:", *(f"{n} {m.version(n)}" for n in ("python-can", "cantools", "autosar-e2e")))
PY
echo "cyclictest, 2 s at SCHED_FIFO 80:"
cyclictest --quiet --mlockall --priority=80 --interval=5000 --loops=400 --threads=1 | tail -n 1
systemd-analyze time 2>/dev/null | head -n 1
pass "boot"

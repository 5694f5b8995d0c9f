#!/usr/bin/env bash
# The systemd units are sound, and as hard as they were: `systemd-analyze` reads them without a running systemd.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v systemd-analyze >/dev/null; then
  echo "systemd-analyze is missing: install Debian's package systemd"
  exit 1
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp systemd/beam-supervisor{,-observe}.{service,socket} "$scratch"
for unit in beam-supervisor beam-supervisor-observe; do
  # the program is not installed where tests run
  sed -i "s#/usr/bin/beam-supervisor#$(command -v true)#" "$scratch/$unit.service"
  systemd-analyze verify "$scratch/$unit.service" "$scratch/$unit.socket"
  # 1.5 is what the service has by design: CAN, netlink and real time are its work
  exposure=$(systemd-analyze security --offline=true "$scratch/$unit.service" | tail -n 1)
  echo "$unit: $exposure"
  systemd-analyze security --offline=true --threshold=16 "$scratch/$unit.service" >/dev/null
done

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
cp systemd/beam-supervisor.{service,socket} "$scratch"
# the program is not installed where tests run
sed -i "s#/usr/bin/beam-supervisor#$(command -v true)#" "$scratch/beam-supervisor.service"
systemd-analyze verify "$scratch/beam-supervisor.service" "$scratch/beam-supervisor.socket"
# 1.5 is what the service has by design: CAN, netlink and real time are its work
exposure=$(systemd-analyze security --offline=true "$scratch/beam-supervisor.service" | tail -n 1)
echo "$exposure"
systemd-analyze security --offline=true --threshold=16 "$scratch/beam-supervisor.service" >/dev/null

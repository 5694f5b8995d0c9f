# Each bus is away for 100 ms: in mid-beam, where the service's interface goes down and up again, and around the last pulse,
# where the plug is pulled at the treatment unit before it can report that pulse. It is a fault of that bus, and never F-101 or
# another of beam that nobody asked for.
#
#   bus-away [--scale N] [CASE...]           cases: mid-a mid-b last-a last-b
set -u
. "$(dirname "$0")/../lib.sh"
choose_cases "$@"
try mid-a "bus-away --bus A --planned 100" --kill away:can0
try mid-b "bus-away --bus B --planned 100" --kill away:can1
try last-a "bus-away --bus A --last 20" --mu 80 --fault bus-a-away@20
try last-b "bus-away --bus B --last 20" --mu 80 --fault bus-b-away@20
tell_tried bus-away

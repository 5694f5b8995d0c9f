# The electronics of monitor 2 die with the last pulse, so that monitors and gate count 20, 19 and 20: once they send nothing
# any more, once they go on telling what they told before. Both are a fault of monitor 2, and not as planned.
#
#   last-pulse [--scale N] [CASE...]         cases: silent frozen
set -u
. "$(dirname "$0")/../lib.sh"
choose_cases "$@"
try silent "last-pulse" --mu 80 --fault mon2-silent@20
try frozen "last-pulse --frozen" --mu 80 --fault mon2-frozen@20
tell_tried last-pulse

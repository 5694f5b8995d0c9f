# Pulses through a gate that has latched: it reports LATCHED with its final count, then fires and counts. Each must be found as
# F-101; the delivery is not as planned, the exit status is 3 and the mark of the unclean end is kept.
#
#   after-the-end [--scale N] [CASE...]      cases: late burst door after-the-verdict
set -u
. "$(dirname "$0")/../lib.sh"
choose_cases "$@"
beam=(--mu 80 --prf 20)       # 20 pulses
try late "after-the-end --strays 1 --after-ms 44" "${beam[@]}" --stray 1@44
try burst "after-the-end --strays 20 --after-ms 5" "${beam[@]}" --stray 20@5:400
try door "after-the-end --strays 1 --after-ms 44 --door" "${beam[@]}" --fault door@12 --stray 1@44
try after-the-verdict "after-the-end --strays 1 --after-ms 2000" "${beam[@]}" --stray 1@2000
tell_tried after-the-end

# The gate's stale-after of one permit is four times too long: the proof of that guard must fail, and nothing is armed.
#
#   slow-timer [--scale N] [CASE...]         cases: dose-1 dose-2 time interlock
set -u
. "$(dirname "$0")/../lib.sh"
choose_cases "$@"
try dose-1 "refused --guard dose-1 --step silence" --gate-defect slow-timer:PERMIT_DOSE1
try dose-2 "refused --guard dose-2 --step silence" --gate-defect slow-timer:PERMIT_DOSE2
try time "refused --guard time --step silence" --gate-defect slow-timer:PERMIT_TIME
try interlock "refused --guard interlock --step silence" --gate-defect slow-timer:PERMIT_INTERLOCK
tell_tried slow-timer

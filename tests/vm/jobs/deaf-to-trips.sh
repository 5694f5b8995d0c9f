# The gate takes a TRIPPED on one permit for a permit that is not given: it closes and does not latch. The proof of that guard's
# trip must fail, and nothing is armed. The proof's id is 1, so that dose guard 2 trips first; the others trip a gate that has
# latched already, and are missed in ClosedBy.
#
#   deaf-to-trips [--scale N] [CASE...]      cases: dose-1 dose-2 time interlock
set -u
. "$(dirname "$0")/../lib.sh"
choose_cases "$@"
try dose-1 "refused --guard dose-1 --step trip" --gate-defect deaf-to-trips:PERMIT_DOSE1
try dose-2 "refused --guard dose-2 --step trip" --gate-defect deaf-to-trips:PERMIT_DOSE2
try time "refused --guard time --step trip" --gate-defect deaf-to-trips:PERMIT_TIME
try interlock "refused --guard interlock --step trip" --gate-defect deaf-to-trips:PERMIT_INTERLOCK
tell_tried deaf-to-trips

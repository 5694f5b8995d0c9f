# Everything that the treatment unit can do wrong, and the end of the service itself, one delivery each in one guest.
#
#   faults [--scale N] [--pulse P] [NAME...]       names: peer.py's faults, what end.py can do
set -u
. "$(dirname "$0")/../lib.sh"
scale=1 pulse=12 names=()
while (($#)); do
  case $1 in
    --scale) scale=$2; shift 2 ;;
    --pulse) pulse=$2; shift 2 ;;
    *) names+=("$1"); shift ;;
  esac
done
((${#names[@]})) || names=(mon1-stuck mon1-silent mon1-saturated mon2-low crc door chambers KILL TERM STOP CONT memory
  panic:guard-dose1 panic:guard-dose2 panic:guard-time panic:guard-interlock panic:session panic:recorder panic:metrics
  pull:can0 pull:can1 down:can0 down:can1
  hold:guard-dose1 hold:guard-dose2 hold:guard-time hold:guard-interlock hold:session hold:recorder hold:metrics
  starve:guard-dose1 starve:guard-dose2 starve:guard-time starve:guard-interlock
  busoff:can0 busoff:can1 flood:can4 clock:3600 clock:-3600 disk:/var/lib/beam-supervisor)
failed=() all=$RESULTS
for name in "${names[@]}"; do
  echo "== $name"
  case $name in
    KILL | TERM | STOP | CONT | memory | *:*) how=(--kill "$name") ;;
    *) how=(--fault "$name@$pulse") ;;
  esac
  RESULTS=$all/${name//\//_} bash "$(dirname "$0")/delivery.sh" --scale "$scale" "${how[@]}" || failed+=("$name")
done
python3 "$vm/table.py" "$all" "${names[@]}" || failed+=(table)
echo "$((${#names[@]} - ${#failed[@]})) passed, ${#failed[@]} failed ${failed[*]}"
((${#failed[@]} == 0))

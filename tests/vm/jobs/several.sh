# Several jobs in one guest, or some of their cases, because a guest takes as long to boot as a delivery takes.
#
#   several JOB[:CASE,...]...                jobs: those whose deliveries expected.py judges
set -u
. "$(dirname "$0")/../lib.sh"
for wanted; do
  job=${wanted%%:*} of_it=
  [[ $wanted != *:* ]] || of_it=${wanted#*:}
  echo "=== $job"
  RESULTS=$all/$job bash "$vm/jobs/$job.sh" ${of_it//,/ } || failed+=("$job")
  tried=$((tried + 1))
done
tell_tried "several jobs"

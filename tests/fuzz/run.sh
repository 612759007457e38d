#!/usr/bin/env bash
# Builds the fuzz targets and runs each for a while. Ends non-zero upon a finding and says where the
# input is that shows it.
#
# usage: tests/fuzz/run.sh [--seconds N] [--filter REGEX] [--no-install]
#   --seconds   for each target; default 30
#   --filter    only targets whose name matches
#   --no-install  never call apt-get
# What a target has learned stays in build/fuzz/corpus/TARGET and is where its next run starts.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=30 filter=. install=1
while (($#)); do
  case $1 in
    --seconds) seconds=${2:?--seconds needs a number}; shift ;;
    --filter) filter=${2:?--filter needs a regular expression}; shift ;;
    --no-install) install=0 ;;
    -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "tests/fuzz/run.sh: unknown argument '$1' (--help lists them)" >&2; exit 2 ;;
  esac
  shift
done

((install)) && deploy/scripts/install_packages.sh build test clang
deploy/scripts/build.sh fuzz fuzz_targets

passed=0 failed=0
for target in build/fuzz/fuzz/*_fuzz; do
  name=$(basename "$target")
  [[ $name =~ $filter ]] || continue
  corpus=build/fuzz/corpus/$name
  findings=build/fuzz/findings/$name
  mkdir -p "$corpus" "$findings"
  log=$findings/log
  if ASAN_OPTIONS=allocator_may_return_null=1 GRAFT_FUZZ_SEEDS=$corpus "$target" "$corpus" \
    -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -artifact_prefix="$findings/" \
    -print_final_stats=1 >"$log" 2>&1; then
    passed=$((passed + 1))
    echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") runs"
  else
    failed=$((failed + 1))
    tail -n 40 "$log"
    echo "$name: a finding; log and input are in $findings"
  fi
done
echo "$passed passed, $failed failed"
((failed == 0 && passed > 0))

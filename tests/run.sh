#!/usr/bin/env bash
# Builds and runs the tests. The last line is `N passed, N failed`, with `, N skipped` if any were.
#
# usage: tests/run.sh [--all | --sanitize | --tsan | --coverage] [--filter REGEX] [--no-install]
#   (none)      the default tier: unit, contract, golden, property and integration tests, smoke search
#   --all       adds what needs more time or packages
#   --sanitize  the default tier under AddressSanitizer and UndefinedBehaviorSanitizer
#   --tsan      the core tests under ThreadSanitizer
#   --coverage  the default tier; fails if it runs less than 85 % of the lines of common/ and
#               services/*/core
#   --filter    only test programs whose name matches
#   --no-install  never call apt-get
set -euo pipefail
cd "$(dirname "$0")/.."

tier=default filter='' install=1
while (($#)); do
  case $1 in
    --all | --sanitize | --tsan | --coverage) tier=${1#--} ;;
    --filter) filter=${2:?--filter needs a regular expression}; shift ;;
    --no-install) install=0 ;;
    -h | --help) sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "tests/run.sh: unknown argument '$1' (--help lists them)" >&2; exit 2 ;;
  esac
  shift
done

purposes=(build run test)
preset=dev select=(--label-exclude slow)
case $tier in
  all) purposes+=(all lint) select=() ;;
  sanitize) preset=asan-ubsan ;;
  # GNU's OpenMP cannot be followed: what it shares would count as races.
  tsan) preset=tsan select=(--label-regex core) && export OMP_NUM_THREADS=1 OMP_THREAD_LIMIT=1 ;;
  coverage) purposes+=(coverage) preset=coverage ;;
esac
[[ -n $filter ]] && select+=(--tests-regex "$filter")
((install)) && deploy/scripts/install_packages.sh "${purposes[@]}"

deploy/scripts/build.sh "$preset"
[[ $tier == coverage ]] && find "build/$preset" -name '*.gcda' -delete

results=build/$preset/results
rm -rf "$results" && mkdir -p "$results"
export GTEST_OUTPUT="xml:$PWD/$results/"
status=0
ctest --test-dir "build/$preset" --output-on-failure --parallel "$(nproc)" \
  --output-log "$results/ctest.log" "${select[@]}" || status=$?

covered=1
if [[ $tier == coverage ]]; then
  gcovr --root . --filter 'common/' --filter 'services/[^/]*/core/' -j "$(nproc)" \
    --exclude-throw-branches --fail-under-line 85 --output "$results/coverage.txt" --print-summary \
    "build/$preset" || covered=0
  echo "Coverage by file: $results/coverage.txt"
fi
python3 tests/summarize.py "$results" "$status"
((covered))

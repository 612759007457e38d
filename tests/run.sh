#!/usr/bin/env bash
# Builds and runs the tests. The last line is `N passed, N failed`, with `, N skipped` if any were.
#
# usage: tests/run.sh [--all | --sanitize] [--filter REGEX] [--no-install]
#   (none)      the default tier: unit, contract, golden, property and integration tests, smoke search
#   --all       adds what needs more time or packages
#   --sanitize  the core tests under AddressSanitizer and UndefinedBehaviorSanitizer
#   --filter    only test programs whose name matches
#   --no-install  never call apt-get
set -euo pipefail
cd "$(dirname "$0")/.."

tier=default filter='' install=1
while (($#)); do
  case $1 in
    --all) tier=all ;;
    --sanitize) tier=sanitize ;;
    --filter) filter=${2:?--filter needs a regular expression}; shift ;;
    --no-install) install=0 ;;
    -h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "tests/run.sh: unknown argument '$1' (--help lists them)" >&2; exit 2 ;;
  esac
  shift
done

purposes=(build run test)
[[ $tier == all ]] && purposes+=(all lint)
((install)) && deploy/scripts/install_packages.sh "${purposes[@]}"

preset=dev select=(--label-exclude slow)
case $tier in
  all) select=() ;;
  sanitize) preset=asan-ubsan select=(--label-regex core) ;;
esac
[[ -n $filter ]] && select+=(--tests-regex "$filter")

deploy/scripts/build.sh "$preset"

results=build/$preset/results
rm -rf "$results" && mkdir -p "$results"
export GTEST_OUTPUT="xml:$PWD/$results/"
status=0
ctest --test-dir "build/$preset" --output-on-failure --parallel "$(nproc)" \
  --output-log "$results/ctest.log" "${select[@]}" || status=$?
python3 tests/summarize.py "$results" "$status"

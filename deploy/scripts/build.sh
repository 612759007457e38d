#!/usr/bin/env bash
# Configures and builds a preset quietly; shows the log if that fails.
# usage: build.sh PRESET [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/../.."
preset=$1
shift
targets=("${@/#/--target=}")

mkdir -p "build/$preset"
log=build/$preset/build.log
started=$SECONDS
echo "Building preset '$preset' in build/$preset (log: $log)" >&2
: >"$log"
if ! { cmake --preset "$preset" >>"$log" 2>&1 && cmake --build --preset "$preset" "${targets[@]}" >>"$log" 2>&1; }; then
  grep -nE 'error|FAILED' "$log" | head -n 20 >&2 || true
  tail -n 30 "$log" >&2
  echo "build.sh: the build failed; the whole log is $log" >&2
  exit 1
fi
echo "Built in $((SECONDS - started)) s" >&2

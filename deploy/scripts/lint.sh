#!/usr/bin/env bash
# Checks formatting (clang-format) and shell scripts (shellcheck). usage: lint.sh [--fix]
set -euo pipefail
cd "$(dirname "$0")/../.."
fix=${1:-}

mapfile -t sources < <(git ls-files '*.h' '*.cc' '*.cu' '*.cuh')
mapfile -t scripts < <(git ls-files '*.sh' '.ci/run')
if [[ $fix == --fix ]]; then
  clang-format -i "${sources[@]}"
else
  clang-format --dry-run --Werror "${sources[@]}"
fi
shellcheck "${scripts[@]}"
echo "${#sources[@]} sources and ${#scripts[@]} scripts are clean"

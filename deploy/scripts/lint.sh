#!/usr/bin/env bash
# Runs the linters: clang-format, clang-tidy, cppcheck, codespell and shellcheck.
#
# usage: deploy/scripts/lint.sh [--fix] [--all | --since REF]
#   --fix    formats the sources instead of checking their format
#   --since  clang-tidy looks at the sources changed since this commit; default: HEAD, which leaves
#            what is not committed yet
#   --all    clang-tidy looks at all sources: hours on two cores
set -euo pipefail
cd "$(dirname "$0")/../.."

fix=0 since=HEAD all=0
while (($#)); do
  case $1 in
    --fix) fix=1 ;;
    --all) all=1 ;;
    --since) since=${2:?--since needs a commit}; shift ;;
    -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "lint.sh: unknown argument '$1' (--help lists them)" >&2; exit 2 ;;
  esac
  shift
done

mapfile -t sources < <(git ls-files '*.h' '*.cc' '*.cu' '*.cuh')
mapfile -t scripts < <(git ls-files '*.sh' '.ci/run')
if ((fix)); then
  clang-format -i "${sources[@]}"
else
  clang-format --dry-run --Werror "${sources[@]}"
fi
shellcheck "${scripts[@]}"
git grep --name-only -I '' -- ':!*.hex' | xargs codespell --ignore-words .codespell_ignore
cppcheck --quiet --error-exitcode=1 --std=c++20 --language=c++ -j "$(nproc)" -I . \
  --enable=warning,performance,portability --library=deploy/scripts/cppcheck_annotations.cfg \
  --suppressions-list=deploy/scripts/cppcheck_suppressions.txt common services

if ((all)); then
  mapfile -t tidied < <(git ls-files '*.cc')
else
  mapfile -t tidied < <(git diff --name-only --diff-filter=d "$since" -- '*.cc')
fi
if ((${#tidied[@]})); then
  deploy/scripts/build.sh dev graft_proto
  printf '%s\0' "${tidied[@]}" | xargs -0 -n 1 -P "$(nproc)" clang-tidy --quiet -p build/dev
fi
echo "${#sources[@]} sources and ${#scripts[@]} scripts are clean, ${#tidied[@]} by clang-tidy"

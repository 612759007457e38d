#!/usr/bin/env bash
# Installs the Debian packages of the named purposes (see packages.txt) that are not there yet.
# usage: install_packages.sh PURPOSE...
set -euo pipefail
cd "$(dirname "$0")"

wanted=()
for purpose in "$@"; do
  found=$(awk -v purpose="$purpose" '$1 == purpose { $1 = ""; print }' packages.txt)
  [[ -n $found ]] || { echo "install_packages.sh: no purpose '$purpose' in packages.txt" >&2; exit 2; }
  read -ra names -d '' <<<"$found" || true
  wanted+=("${names[@]}")
done

missing=()
for package in "${wanted[@]}"; do
  state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $state == installed ]] || missing+=("$package")
done
((${#missing[@]})) || exit 0

as_root=()
if ((EUID != 0)); then
  if command -v sudo >/dev/null; then
    as_root=(sudo)
  else
    echo "These packages are missing; install them as root, then run this again:" >&2
    echo "  apt-get install ${missing[*]}" >&2
    exit 1
  fi
fi

echo "Installing ${#missing[@]} packages: ${missing[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get "$@" >>"$log" 2>&1
}
if ! { install update && install install --yes --no-install-recommends "${missing[@]}"; }; then
  tail -n 20 "$log" >&2
  echo "install_packages.sh: apt-get failed; the lines above say why" >&2
  exit 1
fi

#!/usr/bin/env bash
# Records what was added to the protos in protos.txt. Refuses what breaks clients or stored data, unless
# told otherwise. usage: refresh.sh [--incompatible]
set -euo pipefail
cd "$(dirname "$0")/../../.."
deploy/scripts/build.sh dev proto_snapshot
build/dev/bin/proto_snapshot build/dev/proto/graft_all_descriptors.binpb tests/golden/protos/protos.txt "$@"

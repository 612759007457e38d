#!/usr/bin/env bash
# From a bare Debian 12 to a grown network: installs what is missing, builds, starts a local cluster and
# runs a search on Fashion-MNIST with live progress.
#
# usage: deploy/quickstart.sh [--dir DIR] [--data DIR] [--listen HOST:PORT] [--search FILE] [--new]
#                             [--programs DIR]
#   --dir DIR           state of the cluster (default: graft-local); run again, the search goes on
#   --data DIR          Fashion-MNIST's files (default: Debian's, /usr/share/datasets/fashion-mnist)
#   --listen HOST:PORT  address of the controller (default: 127.0.0.1:7070, or a free port if in use)
#   --search FILE       search file (default: deploy/examples/fashion_mnist.yaml)
#   --new               submit the search anew although one from the same file is there
#   --programs DIR      run the programs in this folder; nothing is installed or built
set -euo pipefail
cd "$(dirname "$0")/.."

dir=graft-local data='' listen='' search=deploy/examples/fashion_mnist.yaml new='' programs=''
while (($#)); do
  case $1 in
    --dir) dir=${2:?--dir needs a folder}; shift ;;
    --data) data=${2:?--data needs a folder}; shift ;;
    --listen) listen=${2:?--listen needs HOST:PORT}; shift ;;
    --search) search=${2:?--search needs a file}; shift ;;
    --new) new=-$(date +%s) ;;
    --programs) programs=${2:?--programs needs a folder}; shift ;;
    -h | --help) sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "quickstart.sh: unknown argument '$1' (--help lists them)" >&2; exit 2 ;;
  esac
  shift
done
[[ -r $search ]] || { echo "quickstart.sh: cannot read the search file $search" >&2; exit 2; }
if [[ -n $data ]]; then
  for file in {train,t10k}-{images-idx3,labels-idx1}-ubyte; do
    [[ -r $data/$file || -r $data/$file.gz ]] && continue
    echo "quickstart.sh: expected Fashion-MNIST's files in $data, found no $file or $file.gz" >&2
    exit 2
  done
fi

if [[ -z $programs ]]; then
  purposes=(build)
  [[ -n $data ]] || purposes+=(run)
  deploy/scripts/install_packages.sh "${purposes[@]}"
  deploy/scripts/build.sh release
  programs=$PWD/build/release/bin
fi
graft=$programs/graft
[[ -x $graft ]] || { echo "quickstart.sh: no program $graft" >&2; exit 2; }
mkdir -p "$dir"
log=$dir/local.log

cluster='' watcher='' # processes that this script started
finish() {
  trap '' INT TERM
  if [[ -n $watcher ]]; then
    kill -TERM "$watcher" 2>/dev/null || true
    wait "$watcher" 2>/dev/null || true
  fi
  [[ -n $cluster ]] || return 0
  kill -TERM "$cluster" 2>/dev/null || true
  wait "$cluster" 2>/dev/null || true
  echo "The cluster has stopped; its state is in $dir. Run this again to go on from there." >&2
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

port_in_use() { (exec 3<>"/dev/tcp/${1%:*}/${1##*:}") 2>/dev/null; }

# A cluster that runs in the folder already holds its lock; it is used as it is.
if [[ -e $dir/run/lock ]] && ! flock --nonblock "$dir/run/lock" true; then
  echo "Using the cluster that runs in $dir at $(<"$dir/endpoint")" >&2
  if [[ -n $data ]]; then
    "$graft" --server "$(<"$dir/endpoint")" dataset add fashion_mnist "$data" --format idx >&2
  fi
else
  if [[ -z $listen ]]; then
    listen=127.0.0.1:7070
    if port_in_use "$listen"; then
      echo "$listen is in use; taking a free port" >&2
      listen=127.0.0.1:0
    fi
  fi
  echo "Starting controller, weight store and worker in $dir" >&2
  : >"$log"
  # In a session of its own: Ctrl-C reaches this script, which then stops the cluster in order.
  setsid "$graft" local --dir "$dir" --listen "$listen" ${data:+--data "$data"} >>"$log" 2>&1 &
  cluster=$!
  until grep -q '^ready' "$log"; do
    if ! kill -0 "$cluster" 2>/dev/null; then
      cluster=''
      cat "$log" >&2
      exit 1
    fi
    sleep 0.2
  done
fi
server=$(<"$dir/endpoint")
echo "Controller at $server; in another terminal: $graft --server $server list" >&2

# The same file is the same request: run again, this follows the search that is there.
request=quickstart-$(sha256sum <"$search" | cut -c1-32)$new
status=0
"$graft" --server "$server" submit "$search" --request-id "$request" --wait &
watcher=$!
wait "$watcher" || status=$?
watcher=''
if ((status != 0)); then
  echo "The search did not succeed; --new submits it anew." >&2
  exit "$status"
fi

name=$("$graft" --server "$server" --output json submit "$search" --request-id "$request" \
  | sed -n 's/^ "name": "\(.*\)",$/\1/p' | head -n 1)
best=$("$graft" --server "$server" --output json show "$name" \
  | sed -n 's/^ *"best_network": "\(.*\)".*$/\1/p' | head -n 1)
"$graft" --server "$server" export "$best" "$dir/best"
echo "The best network is in $dir/best: architecture.json, weights.safetensors, network.json, trial.json"

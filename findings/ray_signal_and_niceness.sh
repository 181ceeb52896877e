#!/usr/bin/env bash
# Ray 2.60.0: what `ray.init()` changes for a program that starts a cluster on its own machine.
# - It replaces the handler of SIGTERM that the program had set, and does not put it back at `ray.shutdown()`: a job that
#   writes a checkpoint when it is told to end no longer does. The handler of SIGINT stays.
# - Its workers run 15 steps nicer than the program: on a machine where others compute, too, they stand back behind them,
#   while the same work in processes of the program's own does not.
# The ways around: keep `signal.getsignal(signal.SIGTERM)` and set it again after `ray.init`; set RAY_worker_niceness=0
# in the environment before Ray starts.
#
# Seen, 2026-11-29, Python 3.11:
#   SIGTERM: ours before, ours after init: False, ours after shutdown: False
#   SIGINT: ours before, ours after init: True, ours after shutdown: True
#   niceness of a worker above the program's: 15
#
# Exit code: 0 if it is still so, 1 if any of the three has changed, 2 if the packages cannot be installed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
{ python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install --quiet ray==2.60.0; } ||
  { echo "cannot install the packages" >&2; exit 2; }
"$folder/venv/bin/pip" freeze | grep -iE '^ray=='
RAY_USAGE_STATS_ENABLED=0 "$folder/venv/bin/python" - > "$folder/seen" 2> "$folder/messages" <<'PYTHON' || { cat "$folder/messages"; exit 1; }
import os
import signal

import ray


def ours(number, frame):
    pass


kinds = {"SIGTERM": signal.SIGTERM, "SIGINT": signal.SIGINT}
for kind in kinds.values():
    signal.signal(kind, ours)
ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, object_store_memory=100 * 2**20)
after_init = {name: signal.getsignal(kind) is ours for name, kind in kinds.items()}


@ray.remote
def niceness():
    return os.nice(0)


above = ray.get(niceness.remote()) - os.nice(0)
ray.shutdown()
for name, kind in kinds.items():
    after = signal.getsignal(kind) is ours
    print(f"{name}: ours before, ours after init: {after_init[name]}, ours after shutdown: {after}")
print("niceness of a worker above the program's:", above)
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'SEEN'
SIGTERM: ours before, ours after init: False, ours after shutdown: False
SIGINT: ours before, ours after init: True, ours after shutdown: True
niceness of a worker above the program's: 15
SEEN

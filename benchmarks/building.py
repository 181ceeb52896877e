"""Measure the building of NASNet-A mobile and large: ours and `keras.applications`, in turn, in one process.

python benchmarks/building.py [--runs=5]
"""

import argparse
import gc
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from measure import processor, report

import nasnet_keras as nk

PAIRS = {
    "mobile": (nk.applications.NASNetMobile, keras.applications.NASNetMobile),
    "large": (nk.applications.NASNetLarge, keras.applications.NASNetLarge),
}


def seconds(build):
    """Build a network; returns the seconds and its number of parameters."""
    gc.collect()  # frees the model before
    started = time.perf_counter()
    model = build(weights=None)
    return time.perf_counter() - started, model.count_params()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="number of pairs of builds")
    runs = parser.parse_args().runs
    print(processor())
    for name, (ours, theirs) in PAIRS.items():
        times = ([], [])
        for run in range(runs + 1):
            (a, parameters), (b, expected) = seconds(ours), seconds(theirs)
            if parameters != expected:
                raise SystemExit(f"{name} has {parameters} parameters, the peer {expected}")
            if run:  # the first builds of a process include its imports and traces
                times[0].append(a)
                times[1].append(b)
        report(f"building {name}", *times, "s")


if __name__ == "__main__":
    main()

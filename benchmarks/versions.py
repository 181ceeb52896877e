"""Two versions side by side: training, children of a search, fused inference, and importing.

    python benchmarks/versions.py OTHER_CHECKOUT [--runs=3] [--parts=training,children]

OTHER_CHECKOUT is a folder with another version of this repository, as `git worktree add ../other v0.1.0` makes one.
Each run is a process of its own, in turn with one of the other version; ratios are this version / the other. The parts:

- training (start-up, images a second, memory) is that of each version's own `training.py`;
- bfloat16_training is the same, but in mixed_bfloat16 for this version, and in float32 for the other one;
- children an hour are those of its own `children.py`: on the digits, as many as a default search trains, the start of
  the workers included;
- cifar_children are six of a search on CIFAR-10, with 10,000 images and three epochs each;
- short_children are 24 of one step each, whose time is that of their start and of a validation;
- importing is that of the package, and of the names of a first use;
- starting is from the genotype of a second, different child of a process to the end of its first step, as a search on
  CIFAR-10 trains children, at half the side;
- inference is `predict` of NASNet-A mobile, fused, on 64 images in batches of 8.

By default all of them are measured.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent


def importing():
    """Seconds to import the package, and the names of a first use."""
    started = time.perf_counter()
    import nasnet_keras as nk

    imported = time.perf_counter()
    nk.genotype_cost(nk.genotypes.NASNET_A)
    return {"import_ms": 1e3 * (imported - started), "first_cost_ms": 1e3 * (time.perf_counter() - imported)}


def starting():
    """Seconds to build children, and to take their first steps, after a first one in this process."""
    import numpy as np

    import nasnet_keras as nk
    from nasnet_keras.search.spaces.nasnet import CellSpace
    from nasnet_keras.training import step

    # Versions before 2026-11-29 have the second names.
    train_step = getattr(step, "TrainStep", None) or step.Stepper
    step_config = getattr(step, "StepConfig", None) or step.Objective

    space, generator, times = CellSpace(), np.random.default_rng(0), []
    images = generator.integers(0, 256, (128, 32, 32, 3), dtype=np.uint8)
    labels = generator.integers(0, 10, 128).astype(np.int32)
    for _ in range(4):
        genotype = space.decode(space.sample(generator))
        begun = time.perf_counter()
        network = {"num_repeats": 1, "filters": 8, "classifier_activation": None}
        model = nk.NASNetFromGenotype(genotype, images.shape[1:], **network)
        stepper = train_step(model, step_config(weight_decay=5e-4, clip_norm=5.0, muon=0.3))
        built = time.perf_counter()
        _, figures = stepper.step(stepper.initial(), images, labels, learning_rate=0.1, size=(16, 16))
        float(figures[0])
        times.append((built - begun, time.perf_counter() - built))
    building, step = np.median(times[1:], axis=0)
    return {"second_build_s": float(building), "second_first_step_s": float(step)}


def inference():
    """Images a second of a fused network, and the time it takes to be fused."""
    import numpy as np

    import nasnet_keras as nk

    model = nk.applications.NASNetMobile(weights=None)
    started = time.perf_counter()
    fused = nk.fuse_for_inference(model)
    found = {"fuse_s": time.perf_counter() - started}
    images = np.random.default_rng(0).uniform(-1, 1, (64, 224, 224, 3)).astype("float32")
    times = []
    for _ in range(6):
        started = time.perf_counter()
        fused.predict(images, batch_size=8, verbose=0)
        times.append(time.perf_counter() - started)
    return {**found, "predict_images_per_second": len(images) / float(np.median(times[1:]))}


PARTS = {"importing": importing, "starting": starting, "inference": inference}
SCRIPTS = {
    "training": ["training.py", "ours"],
    "bfloat16_training": ["training.py", "ours"],
    "children": ["children.py", "ours", "--children=32"],
    "cifar_children": [
        "children.py",
        "ours",
        "--children=6",
        "--dataset=cifar10",
        "--train_images=10000",
        "--epochs=3",
    ],
    "short_children": ["children.py", "ours", "--children=24", "--train_images=64", "--epochs=1"],
}
HERE_ALONE = {"bfloat16_training": ["--precision=mixed_bfloat16"]}
UNITS = {"start_up": "s", "images_per_second": "images/s", "peak_mib": "MiB", "import_ms": "ms", "first_cost_ms": "ms"}
UNITS |= {"per_hour": "an hour", "mean_reward": "of the first four"}
UNITS |= {"second_build_s": "s", "second_first_step_s": "s"}
UNITS |= {"fuse_s": "s", "predict_images_per_second": "images/s"}


def measured(checkout, part):
    """The figures of one part of one version, in a process of its own."""
    script = [__file__, checkout, part]
    if part in SCRIPTS:
        name, *flags = SCRIPTS[part]
        script = [checkout / "benchmarks" / name, *flags, *(HERE_ALONE.get(part, ()) if checkout == HERE else ())]
    environment = {**os.environ, "PYTHONPATH": f"{checkout}", "TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1"}
    done = subprocess.run([sys.executable, *script], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=lambda text: Path(text).resolve(), help="a checkout of another version")
    parser.add_argument("part", nargs="?", choices=PARTS, help="measure one part in this process")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--parts", default=",".join([*SCRIPTS, *PARTS]), help="what to measure, by names with commas")
    arguments = parser.parse_args()
    if arguments.part:
        print(json.dumps(PARTS[arguments.part]()))
        return
    from measure import processor, report

    print(processor())
    for part in arguments.parts.split(","):
        runs = [(measured(HERE, part), measured(arguments.other, part)) for _ in range(arguments.runs)]
        for figure in runs[0][0]:
            report(figure, *([run[side][figure] for run in runs] for side in (0, 1)), UNITS[figure])


if __name__ == "__main__":
    main()

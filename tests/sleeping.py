"""Evaluators whose children sleep or read files, as a module that workers import; it needs no TensorFlow."""

import dataclasses
import os
import signal
import subprocess
import time
from pathlib import Path

from nasnet_keras.search import Decision, Evaluator, Space

LETTERS = "abcd"


class Words(Space):
    """Words of four letters."""

    decisions = tuple(Decision(f"letter_{place}", tuple(LETTERS)) for place in range(4))

    def decode(self, choices):
        return "".join(self.pick(choices))

    def encode(self, genotype):
        return self.find(list(genotype))


class Sleeper(Evaluator):
    """Sleeps, and gives a reward by the word and the seed. The child of the seed `greedy` takes 0.5 GiB.

    It notes the seed of each child at its beginning and its end, and its processes: its own and one that it starts.
    """

    def __init__(self, notes, seconds=0.3, greedy=-1):
        self.notes, self.seconds, self.greedy = notes, seconds, greedy

    def get_config(self):
        return {"notes": self.notes, "seconds": self.seconds, "greedy": self.greedy}

    def evaluate(self, genotype, seed):
        grandchild = subprocess.Popen(["sleep", "600"])
        self._note(f"begun {seed} {os.getpid()} {grandchild.pid}")
        taken = bytearray(2**29) if seed == self.greedy else b""
        time.sleep(60.0 if taken else self.seconds)
        grandchild.kill()
        grandchild.wait()
        self._note(f"ended {seed}")
        return sum(map(LETTERS.index, genotype)) + (seed % 7) / 10, {"threads": os.environ["OMP_NUM_THREADS"]}

    def finish(self, genotype, seed, folder):
        (folder / "model").write_text(genotype)
        return self.evaluate(genotype, seed)

    def _note(self, text):
        with Path(self.notes).open("a") as file:
            file.write(f"{text}\n")


class Reader(Evaluator):
    """Says what it reads in the study's folder, and in the file that the search made of the data set."""

    def __init__(self, config):
        self.config = config
        folder = Path(config.workdir)
        self.found = {"folder": str(folder), "study": (folder / "study.json").read_text()}
        self.found["images"] = Path(config.dataset).read_text() if config.dataset != "digits" else None

    def exported(self, config, folder):
        (folder / "images.npz").write_text("images")
        return dataclasses.replace(config, dataset=folder / "images.npz")

    def evaluate(self, genotype, seed):
        return 0.5, self.found

    finish = evaluate


class Finisher(Evaluator):
    """Trains finalists for ten minutes, and writes a checkpoint when it is interrupted."""

    def evaluate(self, genotype, seed):
        return 0.5, {}

    def finish(self, genotype, seed, folder):
        signal.signal(signal.SIGINT, signal.default_int_handler)
        (folder / "begun").touch()
        try:
            time.sleep(600.0)
        except KeyboardInterrupt:
            time.sleep(1.0)
            (folder / "checkpoint").touch()
        return 0.5, {}

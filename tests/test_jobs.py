"""What the three jobs have in common: signals, errors, streams, and what they need of a platform."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from absl import flags

from nasnet_keras.search.executors.handle import Handle
from nasnet_keras.training.checkpoint import CheckpointError
from nasnet_keras.training.errors import DivergedError, Stopped
from nasnet_keras.utils import jobs
from nasnet_keras.utils.noise import Noise, is_noise, level_wanted
from nasnet_keras.utils.workdir import WorkdirError
from nasnet_keras.weights.download import DownloadError


@pytest.fixture(autouse=True)
def fresh_keras():
    """Instead of the one of `conftest.py`: what here uses Keras is in processes of its own."""


JOB = """
import os, pathlib, signal, sys, time
from nasnet_keras.utils.jobs import run_job

def main(values):
    {body}

def define_flags():
    from absl import flags
    return (flags.DEFINE_string("workdir", "folder", "The folder."),)

run_job("nasnet-job", main, define_flags, kept="the checkpoint")
"""


def started(body, *flags, **options):
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "errors": "surrogateescape"}
    return subprocess.Popen([sys.executable, "-c", JOB.format(body=body), *flags], **{**streams, **options})


def run(body, *flags, **options):
    process = started(body, *flags, **options)
    out, err = process.communicate(timeout=600)
    return process.returncode, out, err


# --- errors


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("bad\nflag"), "bad flag"),
        (WorkdirError("another process is writing to x"), "another process is writing to x"),
        (CheckpointError("damaged"), "damaged"),
        (DivergedError("the loss became nan"), "the loss became nan"),
        (DownloadError("cannot download"), "cannot download"),
        (OSError(28, "No space left on device", "a"), "[Errno 28] No space left on device: 'a'"),
        (OSError(122, "Disk quota exceeded"), "[Errno 122] Disk quota exceeded"),
        (PermissionError(13, "Permission denied"), "[Errno 13] Permission denied"),
        (OSError(), "OSError"),
        (MemoryError(), "there is not enough memory: a smaller batch_size needs less"),
        (MemoryError("4 GiB"), "there is not enough memory: 4 GiB"),
        (type("ResourceExhaustedError", (Exception,), {})("OOM"), "there is not enough memory: OOM"),
        (ValueError("x" * 10**6), "x" * 2000 + "…"),
        (Stopped(), "\nStopped. The same command goes on from the checkpoint in run."),
        (KeyboardInterrupt(), "\nStopped. The same command goes on from the checkpoint in run."),
    ],
)
def test_errors_that_users_can_mend_are_one_line(error, said):
    assert jobs._message(error, "the checkpoint in run") == said


@pytest.mark.parametrize("error", [KeyError("x"), TypeError(), AttributeError(), RuntimeError(), SystemExit(3)])
def test_errors_of_the_program_are_shown_with_their_traceback(error):
    assert jobs._message(error, "") is None


def test_exit_codes_and_streams():
    code, out, err = run('raise OSError(28, "No space left on device")')
    assert (code, out, err) == (1, "", "nasnet-job: [Errno 28] No space left on device\n")
    code, _, err = run("{}['x']")
    assert code == 1 and err.startswith("Traceback") and err.endswith("KeyError: 'x'\n")
    code, _, err = run("raise KeyboardInterrupt", "--workdir=mine")
    assert code == 1 and err == "\nStopped. The same command goes on from the checkpoint in mine.\n"
    code, out, _ = run("print(values)", "--help")
    assert code == 0 and "The folder." in out


def test_a_leading_tilde_is_the_users_folder_in_each_text(monkeypatch):
    own = flags.FlagValues()
    flags.DEFINE_integer("verbosity", 0, "", flag_values=own)
    flags.DEFINE_string("output", None, "", flag_values=own)
    flags.DEFINE_multi_string("images", None, "", flag_values=own)
    flags.DEFINE_multi_string("more", None, "", flag_values=own)
    monkeypatch.setattr(flags, "FLAGS", own)
    monkeypatch.setenv("HOME", "/users/me")
    jobs._parse(["job", "--output=~/t.csv", "--images=~/photos", "--images=a/~/b", "--images=~"])
    assert (own.output, own.images, own.more) == ("/users/me/t.csv", ["/users/me/photos", "a/~/b", "~"], None)


# --- what is shown

SHOWN = "print('caf\\u00e9 \\udcff'); print('\\u2588 \\udcff', file=sys.stderr)"


@pytest.mark.parametrize("settings", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}, {}])
def test_names_that_a_terminal_cannot_print_do_not_end_a_run(settings):
    code, out, err = run(SHOWN, env={**os.environ, **settings})
    assert code == 0 and "caf" in out and "\\udcff" in out and "\\udcff" in err and "Error" not in err


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_what_nobody_reads_does_not_end_a_run(stream, tmp_path):
    many = f"[({SHOWN.replace('; ', ', ')}) for _ in range(5000)]; pathlib.Path({str(tmp_path / 'a')!r}).touch()"
    reading, writing = os.pipe()
    os.close(reading)
    code, *_ = run(many, **{stream: writing})
    os.close(writing)
    assert code == 0 and (tmp_path / "a").exists()
    if Path("/dev/full").exists():
        with Path("/dev/full").open("w") as full:
            assert run(many, **{stream: full})[0] == 0
    closed = {"stdout": ">&-", "stderr": "2>&-"}[stream]
    command = ["sh", "-c", f'exec "$0" "$@" {closed}', sys.executable, "-c", JOB.format(body=many)]
    assert subprocess.run(command, capture_output=True, timeout=600).returncode == 0


NOISE = (
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    b"I0000 00:00:1795896800.529940    9387 port.cc:153] oneDNN custom operations are on.",
    b"W0000 00:00:1795896800.529940    9387 computation_placer.cc:177] computation placer already registered.",
    b"E0000 00:00:1795896800.529940    9387 cuda_fft.cc:485] Unable to register cuFFT factory: Attempting to register "
    b"factory for plugin cuFFT when one has already been registered",
    b"E0000 00:00:1795896801.455784    9387 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: Failed "
    b"call to cuInit: UNKNOWN ERROR (303)",
    b"E0000 00:00:1795904897.310905   23186 util.cc:131] oneDNN supports DT_INT32 only on platforms with AVX-512. "
    b"Falling back to the default Eigen-based implementation if present.",
    b"E0000 00:00:1796025075.380918    9193 node_def_util.cc:682] NodeDef mentions attribute use_unbounded_threadpool "
    b"which is not in the op definition: Op<name=MapDataset; signature=input_dataset:variant",
    b"2024-11-28 20:13:34.123456: I tensorflow/core/util/port.cc:113] oneDNN custom operations are on.",
    b"To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow",
    b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.",
)
NEWS = (
    b"E0000 00:00:1795896801.455784    9387 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: Failed "
    b"call to cuInit: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
    b"F0000 00:00:1795896800.529940    9387 cpu_feature_guard.cc:1] The TensorFlow library was compiled to use AVX",
    b"2024-11-28 20:13:34.123456: E external/xla/xla/stream_executor/cuda/cuda_dnn.cc:1] Could not create cudnn handle",
    b"I1128 20:13:34.297406 139749129694080 loop.py:84] of Python",
    b"W1128 20:13:34.297406 139749129694080 workdir.py:84] of ours",
    b"training: 100%",
    b"Traceback (most recent call last):",
    b"",
)
TRACE = (b"=== Source Location Trace: === ", b"external/xla/xla/stream_executor/cuda/cuda_status.cc:50", b"")


def test_noise_is_told_from_news(monkeypatch):
    assert [is_noise(line, 2) for line in NOISE] == [True] * len(NOISE)
    assert not any(is_noise(line, level) for line in NEWS for level in (0, 1, 2))
    assert not any(is_noise(line, 0) for line in NOISE), "a user's own setting wins"
    assert [is_noise(line, 1) for line in NOISE] == [True, True, False, False, False, False, False, True, True, True]
    for text, level in (("0", 0), ("3", 3), ("x", 2)):
        monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", text)
        assert level_wanted() == level


def test_where_a_message_came_from_goes_with_the_message():
    lines = [NOISE[4], *TRACE, b"", NEWS[0], *TRACE, TRACE[1], *NOISE[3:5], *TRACE[:2], NEWS[-3], TRACE[1]]
    noise = Noise(2)
    left = [line for line in lines if not noise(line)]
    assert left == [b"", NEWS[0], *TRACE, TRACE[1], NEWS[-3], TRACE[1]]


def test_noise_is_left_out_and_last_words_are_kept():
    said = "\\n".join(line.decode() for line in (*NOISE, *NEWS[:2], NOISE[4], *TRACE))
    code, _, err = run(f'os.write(2, b"""{said}\\nlast"""); os.abort()')
    assert code == -signal.SIGABRT
    assert all(line.decode() in err for line in (*NEWS[:2], b"last")) and NOISE[1].decode() not in err
    assert "Trace" not in err
    _, _, err = run(f'os.write(2, b"""{said}""")', env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "0"})
    assert NOISE[1].decode() in err
    _, out, _ = run("import psutil; print(psutil.Process().children())")
    assert out == "[]\n"


def test_the_last_words_of_a_process_are_no_noise(tmp_path):
    with (tmp_path / "log").open("wb+") as log:
        handle = Handle.__new__(Handle)
        handle._log, handle._said = log, 5
        log.write(b"old\n\n" + b"\n".join((*NOISE, NOISE[4], *TRACE)) + b"\nKilled by hand\n" + NOISE[1])
        log.flush()
        assert handle._last_words() == "Killed by hand"


# --- signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_run_has_the_exit_code_of_the_signal(number, tmp_path):
    ignoring = "print('up', flush=True)\n    try: time.sleep(60)\n    except BaseException: time.sleep(60)"
    process = started(ignoring, cwd=tmp_path)
    assert process.stdout.readline() == "up\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=600)
    assert (process.returncode, out) == (128 + number, "")
    assert err == "\nStopped before the run began: nothing was changed.\n" and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_once_there_is_a_folder_stops_by_an_exception(number, tmp_path):
    body = f"""from nasnet_keras.utils.workdir import Workdir
    folder = Workdir({str(tmp_path / "run")!r}, "job.json", "nasnet_keras.job", 1, {{}})
    try:
        print("up", flush=True)
        time.sleep(60)
    finally:
        print("closed")
"""
    process = started(body)
    assert process.stdout.readline() == "up\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 1 and out.endswith("closed\n") and "Stopped. The same command goes on" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("job", ["training", "search", "pretrained.fine_tune"])
def test_the_jobs_mind_signals_from_their_first_moment(job, number, tmp_path):
    """From when it has a process of its own that reads stderr, which is before anything slow is imported."""
    command = [sys.executable, "-X", "importtime", "-m", f"nasnet_keras.{job}", f"--workdir={tmp_path}/run"]
    flags = ["--model=amoebanet_d_cifar10", "--dataset=digits"] if "tune" in job else []
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen([*command, *flags], stdout=subprocess.PIPE, stderr=file, cwd=tmp_path)
        deadline = time.monotonic() + 600
        while b" absl.app\n" not in log.read_bytes():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(600) == 128 + number
    words = [line for line in log.read_text().splitlines() if not line.startswith("import time:")]
    assert [line for line in words if line] == ["Stopped before the run began: nothing was changed."]
    assert not (tmp_path / "run").exists()


# --- a whole run, on a platform that is no Linux, with names that cannot be printed, on a disk that is full at first

WHOLE = """
import os, resource, signal, sys
for name in ("sched_getaffinity", "sched_setaffinity", "O_DIRECT", "fdatasync", "posix_fallocate", "pipe2"):
    if hasattr(os, name):
        delattr(os, name)
import psutil
del psutil.Process.cpu_affinity
sys.modules["fcntl"] = None
import warnings
warnings.filterwarnings("ignore")

from nasnet_keras.training import __main__ as job
_, npz, workdir = sys.argv
sys.argv = ["nasnet-train", f"--dataset={npz}", f"--workdir={workdir}", "--genotype=" + os.environ["GENOTYPE"],
            "--num_repeats=1", "--filters=4", "--epochs=1", "--batch_size=16", "--name=mine"]
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, unlimited[1]))
try:
    job.console()
except SystemExit as error:
    print("first:", error.code)
resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
print("left:", sorted(name for name in os.listdir(workdir)))
job.main({**{name: None for name in ("num_repeats", "filters", "stem", "initial_weights")},
          "workdir": workdir, "genotype": os.environ["GENOTYPE"], "num_repeats": 1, "filters": 4, "name": "mine",
          "seed": 0, "deterministic": True, "checkpoint_minutes": 5.0, "license": "not stated"})
from nasnet_keras import search
from nasnet_keras.training.recipes import Recipe
recipe = Recipe(epochs=1, batch_size=64, learning_rate=0.1, flip=False)
study = search.run(search.SearchConfig(npz + ".study", trials=1, num_blocks=1, filters=2, num_repeats=1, recipe=recipe,
                   finalists=1, final_epochs=1, train_images=64, random_trials=0, executor="inline"))
print("search:", study.result["card"], study.result["test_accuracy"] >= 0)
"""


@pytest.mark.slow
def test_whole_runs_on_another_platform_with_odd_names_and_a_disk_that_is_full_at_first(tmp_path):
    from helpers import SMALL_GENOTYPE

    generator = np.random.default_rng(0)
    images, labels = generator.integers(0, 256, (60, 8, 8, 3), np.uint8), np.arange(60) % 3
    splits = {f"{name}_images": images for name in ("train", "test")} | {
        f"{name}_labels": labels for name in ("train", "test")
    }
    npz, workdir = tmp_path / "data.npz", os.fsencode(tmp_path) + b"/caf\xe9 \xff"
    np.savez(npz, **splits, class_names=np.array(["café", "naïve", "\u2588"]))
    settings = {"PYTHONIOENCODING": "ascii", "GENOTYPE": SMALL_GENOTYPE.to_json()}
    done = subprocess.run(
        [sys.executable, "-c", WHOLE, npz, workdir], capture_output=True, env={**os.environ, **settings}, timeout=600
    )
    out, err = (text.decode(errors="surrogateescape") for text in (done.stdout, done.stderr))
    assert done.returncode == 0, err
    assert "first: nasnet-train: [Errno 27] File too large" in out and "Traceback" not in err
    assert "mine.json" not in out.partition("left:")[2].partition("\n")[0]
    assert "\nCard:    " in out and "\\udcff/mine.json" in out and "search: searched_digits.json True" in out
    assert "has no locks" in err.splitlines()[0], "the first line is ours"
    card = json.loads(Path(os.fsdecode(workdir), "mine.json").read_text())
    assert card["class_names"] == ["café", "naïve", "\u2588"] and " cores of " in card["training"]["hardware"]

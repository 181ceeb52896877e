"""Latencies: what the median of disturbed runs is worth, when a machine is too busy, and real runtimes."""

import json
import math
import signal
import subprocess
import sys

import numpy as np
import pytest
from helpers import running, wait_for

import nasnet_keras as nk
from nasnet_keras.latency import blocks, memory, process, runtimes
from nasnet_keras.latency.blocks import Block, Clocks, interval
from nasnet_keras.latency.errors import LatencyError, MachineBusy
from nasnet_keras.latency.load import allowed
from nasnet_keras.latency.process import answered
from nasnet_keras.latency.protocol import Protocol
from nasnet_keras.latency.shapes import resolved


class Machine:
    """A machine of two cores whose runs take the seconds of a function, and whose time passes in runs alone."""

    def __init__(self, seconds, own=1.0, others=0.0):
        self.seconds, self.own_share, self.others = seconds, own, others
        self.now = self.own = self.machine = 0.0
        self.runs = 0

    def run(self):
        took = self.seconds(self.runs)
        own, others = (value(self.runs) if callable(value) else value for value in (self.own_share, self.others))
        self.now += took
        self.own += own * took
        self.machine += (own + others) * took
        self.runs += 1

    def repeated(self, accuracy=0.02, threads=1, seconds=60.0):
        clocks = Clocks(lambda: self.now, lambda: self.own, lambda: self.machine)
        return blocks.repeated(self.run, accuracy, threads, seconds, clocks)


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    monkeypatch.setattr("nasnet_keras.utils.environment.cores", lambda: 2)


def median(found):
    return float(np.median([block.median for block in found]))


def test_the_interval_of_a_median_holds_it_as_often_as_it_says():
    generator = np.random.default_rng(0)
    for count in (6, 9, 20, 51):
        held = 0
        for values in generator.lognormal(size=(2000, count)):
            low, high = interval(values.tolist())
            held += low <= 1 <= high
        assert 0.94 < held / 2000 < 0.995
    assert interval([1.0] * 5) is None and interval([]) is None
    assert interval(range(9)) == (1, 7) and interval(range(6)) == (0, 5)


def test_a_steady_machine_needs_the_fewest_blocks_of_a_tenth_of_a_second():
    found = Machine(lambda run: 0.002).repeated()
    assert len(found) == blocks.FEWEST
    assert {len(block.milliseconds) for block in found} <= {50, 51}
    assert median(found) == pytest.approx(2.0) and blocks.half_width(found) == pytest.approx(0, abs=1e-9)


def test_slow_runs_make_blocks_of_three():
    found = Machine(lambda run: 0.5).repeated()
    assert [len(block.milliseconds) for block in found] == [3] * blocks.FEWEST


def test_a_machine_with_slow_phases_is_measured_until_the_median_is_known():
    generator = np.random.default_rng(0)
    near, counts = 0, []
    for _ in range(40):
        noise = generator.lognormal(0, 0.1, 30_000)
        phases = 1 + 0.1 * np.repeat(generator.random(300), 100)  # of a hundred runs each
        found = Machine(lambda run, values=noise * phases: 0.001 * values[run]).repeated()
        assert blocks.half_width(found) <= 0.02
        counts.append(len(found))
        near += abs(median(found) / 1.05 - 1) <= 0.02
    assert near >= 34 and np.mean(counts) > 1.3 * blocks.FEWEST


def test_rare_outliers_do_not_matter():
    found = Machine(lambda run: 0.1 if run % 20 == 0 else 0.001).repeated()
    assert median(found) == pytest.approx(1.0)


def test_disturbed_blocks_are_left_out():
    """A third of the time the process has half a core, and runs take twice as long."""

    def disturbed(run):
        return run % 300 < 100

    machine = Machine(lambda run: 0.002 if disturbed(run) else 0.001, lambda run: 0.5 if disturbed(run) else 1.0)
    found = machine.repeated()
    assert median(found) == pytest.approx(1.0)
    assert all(block.calm(1) for block in found) and machine.runs > sum(len(block.milliseconds) for block in found)


@pytest.mark.parametrize(
    ("own", "others", "words"),
    [(0.5, 0.0, "computed in 50% of its time"), (1.0, 0.9, "processes used 0.9 cores"), (0.8, 0.0, "20 of 20 blocks")],
)
def test_a_machine_that_is_busy_is_refused_with_what_was_seen(own, others, words):
    machine = Machine(lambda run: 0.001, own, others)
    with pytest.raises(MachineBusy, match=words):
        machine.repeated()
    assert machine.now < 3  # seconds


def test_a_machine_that_is_unsteady_is_refused_with_what_was_seen():
    generator = np.random.default_rng(0)
    with pytest.raises(MachineBusy, match=r"medians are 1.* ms, the median is known to .*% only \(expected 2.0%\)"):
        Machine(lambda run: 0.001 if generator.random() < 0.5 else 0.002).repeated(0.02, seconds=2)
    slow = np.repeat(generator.lognormal(0, 1, 10_000), 100)
    with pytest.raises(MachineBusy, match="unsteady"):
        Machine(lambda run: 0.001 * slow[run]).repeated(seconds=10)


def test_a_run_too_slow_for_the_time_is_no_fault_of_the_machine():
    with pytest.raises(LatencyError, match=r"of 10000 ms a run.*longer timeout_seconds") as caught:
        Machine(lambda run: 10).repeated()
    assert not isinstance(caught.value, MachineBusy)


def test_without_an_accuracy_blocks_are_taken_as_they_come():
    found = Machine(lambda run: 0.001 * (1 + run % 7), 0.3, 2.0).repeated(None)
    assert len(found) == blocks.FEWEST
    slow = Machine(lambda run: 1000)
    assert len(slow.repeated(None)) == slow.runs == 1  # time is over


def test_others_may_use_a_quarter_of_what_is_left(monkeypatch):
    assert allowed(1) == 0.25 and allowed(2) == 0.2
    assert Block((1.0,), 1.0, 0.34).calm(1) and not Block((1.0,), 1.0, 0.36).calm(1), "and a tick of the clock"
    assert not Block((1.0,), 0.89, 0.0).calm(1)
    assert allowed(8) == 0.2 and not Block((1.0,), 8.0, 0.95).calm(8), "a whole core is no tick"
    monkeypatch.setattr("nasnet_keras.utils.environment.cores", lambda: 16)
    assert allowed(1) == 3.75


def test_warming_up_ends_when_runs_no_longer_become_faster():
    machine = Machine(lambda run: 0.001 * (1 + 5 * math.exp(-run / 20)))
    clocks = Clocks(lambda: machine.now, lambda: machine.own, lambda: machine.machine)
    runs = blocks.warmed(machine.run, clocks, 60.0)
    assert runs == machine.runs and machine.seconds(runs) < 0.00105
    machine = Machine(lambda run: 1000 / (1 + run))  # never settles
    clocks = Clocks(lambda: machine.now, lambda: machine.own, lambda: machine.machine)
    assert blocks.warmed(machine.run, clocks, 2000.0) == 1
    with pytest.raises(LatencyError, match="a run takes 500 seconds: expected a longer timeout_seconds"):
        blocks.warmed(machine.run, clocks, 1400.0)


def test_shapes():
    assert resolved((None, "height", 32, 3), (16, 32, 3), 4) == (4, 16, 32, 3)
    assert resolved((1, 8, 8, 3), None, 1) == (1, 8, 8, 3)
    for found, given, batch, words in (
        ((None, None, None, 3), None, 1, "any x any x 3: name a size by input_shape"),
        ((None, 8, 8, 3), (9, 8, 3), 1, "must be 8 x 8 x 3"),
        ((None, 8, 8, 3), (8, 8), 1, "must be 8 x 8 x 3"),
        ((2, 8, 8, 3), None, 1, "batches of 2"),
    ):
        with pytest.raises(LatencyError, match=words):
            resolved(found, given, batch)


def test_the_peak_of_memory_is_that_since_the_beginning():
    np.ones(30 << 20, "uint8")
    before = memory.begin()
    assert abs(memory.peak() - before) < 5 << 20
    np.ones(50 << 20, "uint8")
    assert 45 << 20 < memory.peak() - before < 60 << 20


def test_numbers_of_numpy_are_numbers():
    protocol = Protocol(threads=np.int64(1), input_shape=[np.int32(8), 8, 3], batch_size=np.int8(2))
    assert json.dumps([protocol.threads, protocol.input_shape, protocol.batch_size]) == "[1, [8, 8, 3], 2]"


def program(code):
    return ("-c", code)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            "import time; time.sleep(60)",
            "did not end within 0.5 seconds: the process hung, or a run needs a longer timeout_seconds",
        ),
        ("import os; os.abort()", r"crashed \(SIGABRT\)"),
        ("raise SystemExit('no luck')", "exit code 1, and said 'no luck'"),
        ("print('nonsense')", "exit code 0, and said nothing"),
        ("print('[1]')", "exit code 0, and said nothing"),
    ],
)
def test_a_process_that_gives_no_answer_is_one_error(code, words):
    with pytest.raises(LatencyError, match=words):
        answered({}, 0.5 if "sleep" in code else 30, program(code))


def test_answers_of_the_process():
    echo = "import json, sys; print(json.dumps({name: json.loads(sys.stdin.readline())['text']}))"
    assert answered({"text": "x"}, 30, program(f"name = 'a'; {echo}")) == {"a": "x"}
    with pytest.raises(MachineBusy, match="^so it is$"):
        answered({"text": "so it is"}, 30, program(f"name = 'busy'; {echo}"))
    with pytest.raises(LatencyError, match="^so it is$"):
        answered({"text": "so it is"}, 30, program(f"name = 'problem'; {echo}"))


SLEEPING = (
    "import time; from nasnet_keras.latency import timing; timing._AFTER = 0.2; "
    "timing._measured = lambda *_: time.sleep(60); timing.main()"
)


def test_a_process_that_hangs_ends_itself_also_if_alarms_were_blocked():
    """Its parent is there, but stands still."""
    blocked = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM]); "
    command = [sys.executable, "-c", blocked + SLEEPING]
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=process._variables(), text=True) as hanging:
        hanging.stdin.write('{"seconds": 0.1}\n')
        hanging.stdin.flush()
        assert hanging.wait(40) == -signal.SIGALRM


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_process_ends_with_the_one_that_began_it(number, tmp_path):
    noted = f"import os; print(os.getpid(), file=open({str(tmp_path / 'pid')!r}, 'w')); "
    code = f"from nasnet_keras.latency.process import answered; answered({{}}, 500, ('-c', {noted + SLEEPING!r}))"
    parent = subprocess.Popen([sys.executable, "-c", code], env=process._variables(), stderr=subprocess.DEVNULL)
    timing = wait_for(lambda: int((tmp_path / "pid").read_text()))
    parent.send_signal(number)
    parent.wait(20)
    wait_for(lambda: not running(timing))


def test_the_process_imports_neither_keras_nor_a_runtime_that_was_not_asked_for(tmp_path):
    code = (
        "import sys; import nasnet_keras.latency.timing; "
        "print([name for name in ('keras', 'tensorflow', 'h5py', 'onnxruntime', 'openvino', 'ai_edge_litert') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], env=process._variables(), capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"runtime": "tvm"}, "must be one of litert, onnx, openvino, tensorflow, got 'tvm'"),
        ({"threads": 0}, "threads must be a positive integer"),
        ({"threads": 64}, "threads must be at most 2"),
        ({"batch_size": 1.5}, "batch_size must be"),
        ({"accuracy": 0}, "accuracy must be a share"),
        ({"accuracy": "2%"}, "accuracy must be a share"),
        ({"precision": "int4"}, "precision must be one of float32, runtime"),
        ({"timeout_seconds": -1}, "timeout_seconds must be"),
        ({"timeout_seconds": 1e12}, r"timeout_seconds must be a number of seconds above 0, up to 1e\+06, got 1"),
        ({"input_shape": 32}, r"input_shape must be \(height, width, channels\), got 32"),
        ({"input_shape": "32"}, r"input_shape must be \(height, width, channels\), got '32'"),
        ({"input_shape": (32, "a", 3)}, "each size of input_shape"),
    ],
)
def test_wrong_arguments(arguments, words, tmp_path):
    path = tmp_path / "a.tflite"
    path.write_bytes(b"")
    with pytest.raises(LatencyError, match=words):
        nk.measure_latency(path, **arguments)


def test_wrong_models_and_files(tmp_path):
    for name in ("folder", "folder.tflite"):
        (tmp_path / name).mkdir()
    for name in ("a.keras", "a.onnx", "a.txt", "a", "a.ONNX"):
        (tmp_path / name).write_bytes(b"no model")
    for path, words in (
        ("a.onnx", "'litert' does not read a file '.onnx'.*name runtime='onnx' or 'openvino'"),
        ("a.ONNX", "name runtime='onnx' or 'openvino'"),
        ("folder", "does not read a folder.*name runtime='tensorflow'"),
    ):
        with pytest.raises(LatencyError, match=words):
            nk.measure_latency(tmp_path / path, "TFLite")
    for model, words in (
        (tmp_path / "a.keras", "load it by keras.models.load_model"),
        (tmp_path / "missing.tflite", "there is no file"),
        (tmp_path / "folder.tflite", "'litert' does not read a folder.*name runtime='tensorflow'"),
        (tmp_path / "a.txt", "no runtime does"),
        (tmp_path / "a", "does not read a file without suffix, .*: no runtime does"),
        (nk.genotypes.NASNET_A, "got a Genotype: build its network first"),
        (3, "expected a Keras model or the path of a file, got 3"),
    ):
        with pytest.raises(LatencyError, match=words):
            nk.measure_latency(model)


def test_the_runtime_is_that_of_the_ending_or_of_any_usual_name(tmp_path):
    (tmp_path / "folder").mkdir()
    for name, found in (("a.tflite", "litert"), ("a.onnx", "onnx"), ("a.XML", "openvino"), ("folder", "tensorflow")):
        assert runtimes.usual(tmp_path / name) == found
    for name, found in (("TF-Lite", "litert"), ("tf", "tensorflow"), ("ORT", "onnx"), ("OpenVINO", "openvino")):
        assert Protocol(name).runtime == found
    with pytest.raises(LatencyError, match="got 'h5'"):
        Protocol("h5")


def test_a_runtime_that_is_missing_is_an_error_that_names_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "a.onnx").write_bytes(b"")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(LatencyError, match=r"runtime 'openvino' needs openvino: pip install -e .*\[openvino\]"):
        nk.measure_latency(tmp_path / "a.onnx", "openvino")


def test_a_damaged_file_is_one_error(tmp_path):
    path = tmp_path / "a.tflite"
    path.write_bytes(b"no model")
    with pytest.raises(LatencyError, match=r"litert cannot load .*a.tflite"):
        nk.measure_latency(path, accuracy=None)


@pytest.fixture(scope="module")
def model():
    """For what is no matter of the network: quickly exported."""
    import keras

    image = keras.Input((None, None, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(64, 5, padding="same")(image))
    return keras.Model(image, keras.layers.Dense(3)(pooled))


def sensible(latency, runtime, shape):
    low, high = latency.quartiles_ms
    assert (latency.runtime, latency.input_shape, latency.threads) == (runtime, shape, 1)
    assert 0.01 < low <= high < 1000 and 0.01 < latency.median_ms < 1000
    assert latency.runs >= 27 and latency.blocks == blocks.FEWEST and latency.warm_up_runs > 3
    assert 0 < latency.peak_memory_mib < 500 and 0 < latency.own_share <= 1.1
    assert latency.runtime_version[0].isdigit() and "core" in latency.processor
    assert f"{runtime} {latency.runtime_version}, 1 thread, input 1 x 16" in str(latency)
    assert json.loads(json.dumps(vars(latency)))["runs"] == latency.runs


def test_litert(model):
    sensible(nk.measure_latency(model, input_shape=(16, 16, 3), accuracy=None), "litert", (1, 16, 16, 3))
    with pytest.raises(LatencyError, match="any x any x 3: name a size"):
        nk.measure_latency(model)


def test_fewer_threads_than_asked_for_are_an_error():
    runtimes._check_threads(2, 2)
    with pytest.raises(LatencyError, match="computes in 4 threads on this processor: expected 8"):
        runtimes._check_threads(4, 8)


@pytest.mark.slow
def test_onnx_and_openvino_read_one_file(model, tmp_path):
    pytest.importorskip("openvino")
    path = tmp_path / "model.onnx"
    nk.export(model, path, "onnx")
    for runtime in ("onnx", "openvino"):
        sensible(nk.measure_latency(path, runtime, input_shape=(16, 12, 3), accuracy=None), runtime, (1, 16, 12, 3))
    with pytest.raises(LatencyError, match="any x any x 3: name a size"):
        nk.measure_latency(path, "openvino", accuracy=None)


def test_openvino_reads_its_own_files(model, tmp_path):
    pytest.importorskip("openvino")
    path = nk.export(model, tmp_path / "model.xml").path
    sensible(nk.measure_latency(path, input_shape=(16, 16, 3), accuracy=None), "openvino", (1, 16, 16, 3))
    with pytest.raises(LatencyError, match="'onnx' does not read a file '.xml'.*name runtime='openvino'"):
        nk.measure_latency(path, "onnx")


@pytest.mark.slow
def test_tensorflow(model):
    sensible(
        nk.measure_latency(model, "tensorflow", input_shape=(16, 16, 3), accuracy=None), "tensorflow", (1, 16, 16, 3)
    )

"""Measured costs of a search: what is measured once, where it is kept, and how devices are told apart."""

import contextlib
import dataclasses
import json

import keras
import pytest

from nasnet_keras.latency import measuring
from nasnet_keras.latency.command import LatencyCommand
from nasnet_keras.latency.device import Device
from nasnet_keras.latency.errors import LatencyError, MachineBusy
from nasnet_keras.latency.measuring import Latency
from nasnet_keras.latency.protocol import Protocol
from nasnet_keras.search.costs import measured, meter
from nasnet_keras.search.costs.measured import FILE, Measured, find, of_device, read, write
from nasnet_keras.search.costs.meter import Meter, Network

HERE = Device("litert", "2.3.0", 1, "2 cores of a processor")
PHONE = Device("litert", command="adb shell time {model}")
FOUND = Latency(5.0, (4.9, 5.1), 100, 9, 0.01, 20, "litert", "2.3.0", 1, "a processor", (1, 8, 8, 3), 12.0, 0.0, 1.0)


def network(name="a", filters=4, built=None):
    def build():
        if built is not None:
            built.append(name)
        image = keras.Input((8, 8, 3))
        pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(filters, 3)(image))
        return keras.Model(image, keras.layers.Dense(3)(pooled))

    return Network(name, {"filters": filters}, build)


@pytest.fixture
def timed(monkeypatch):
    """The arguments of all measurements, which take no time here."""
    calls = []

    def fake(path, runtime, threads, **arguments):
        calls.append((path.read_bytes(), runtime, threads, arguments))
        return FOUND

    monkeypatch.setattr(meter, "measure_latency", fake)
    return calls


def test_a_network_is_measured_once_on_a_device(tmp_path, timed):
    built = []
    mine = Meter(Protocol(), None, tmp_path)
    assert mine.measures == ("latency_ms", "peak_memory_mib")
    for _ in range(2):
        assert mine.costs(network(built=built)) == {"latency_ms": 5.0, "peak_memory_mib": 12.0}
    assert len(timed) == len(built) == 1 and timed[0][1:3] == ("litert", 1)
    (line,) = read(tmp_path)
    assert (line.genotype, line.device, line.details["runs"]) == ("a", mine.device, 100)
    assert len(line.file) == 64 and json.loads((tmp_path / FILE).read_text())["costs"]["latency_ms"] == 5.0
    # An equal file of another name is not measured, and another network is; so are more threads.
    mine.costs(network("b", built=built))
    assert (len(timed), len(built)) == (1, 2)
    mine.costs(network("a", filters=5))
    Meter(Protocol(threads=2), None, tmp_path).costs(network())
    assert len(timed) == 3 and [one.genotype for one in read(tmp_path)] == ["a", "b", "a", "a"]
    assert timed[0][0] == timed[2][0] != timed[1][0]


def test_what_is_known_less_exactly_is_measured_again(tmp_path, timed):
    mine = Meter(Protocol(accuracy=0.01), None, tmp_path)
    known = Measured("a", network().fingerprint, "", mine.device, {"latency_ms": 7.0}, {"known_to": 0.01})
    write(tmp_path, known)
    assert mine.costs(network()) == {"latency_ms": 7.0} and not timed
    stricter = dataclasses.replace(mine, protocol=Protocol(accuracy=0.005))
    assert stricter.costs(network())["latency_ms"] == 5.0 and len(timed) == 1


def test_a_rough_rehearsal_is_not_kept_and_a_busy_machine_is_passed_on(tmp_path, timed, monkeypatch):
    mine = Meter(Protocol(), None, tmp_path)
    mine.rehearse(network())
    assert timed[0][3]["accuracy"] is None and not read(tmp_path)

    def busy(*_, **__):
        raise MachineBusy("others use 2 cores")

    monkeypatch.setattr(meter, "measure_latency", busy)
    with pytest.raises(MachineBusy, match="others use 2 cores"):
        mine.costs(network())
    assert not (tmp_path / FILE).exists()
    write(tmp_path, Measured("a", network().fingerprint, "", mine.device, {"latency_ms": 1.0}))
    mine.rehearse(network())  # it was measured, so that it works


def test_a_command_measures_the_latency_alone_and_before_the_folder_is_there(tmp_path):
    count = tmp_path / "count"
    text = f"sh -c 'echo >> {count}; wc -c < $1' sh {{model}}"
    mine = Meter.of("litert", 1, text, tmp_path / "study")
    assert mine.measures == ("latency_ms",) and mine.device == Device("litert", command=text)
    mine.rehearse(network())
    (tmp_path / "study").mkdir()
    costs = mine.costs(network())
    assert costs["latency_ms"] > 500 and list(costs) == ["latency_ms"]
    mine.rehearse(network())
    assert count.read_text() == "\n\n" and len(read(tmp_path / "study")) == 1
    with pytest.raises(LatencyError, match="ended with exit code 1"):
        dataclasses.replace(mine, command=LatencyCommand("false {model}")).rehearse(network())


def test_what_cannot_be_built_or_exported_is_an_error_of_the_child(tmp_path, timed):
    def build():
        raise ValueError("too many layers")

    with pytest.raises(LatencyError, match="cannot be built: too many layers"):
        Meter(Protocol(), None, tmp_path).costs(Network("a", {}, build))
    image = keras.Input((8, 8, 3))
    odd = keras.Model(image, [image, keras.layers.Reshape((64, 3))(image)])
    with pytest.raises(ValueError, match="several outputs"):
        Meter(Protocol(), None, tmp_path).costs(Network("a", {}, lambda: odd))
    assert not timed and not (tmp_path / FILE).exists()


def test_networks_are_built_and_exported_on_the_processor(tmp_path, timed, monkeypatch):
    """The memory of GPUs is for the processes that train."""
    inside, seen = [], []

    @contextlib.contextmanager
    def device(name):
        inside.append(name)
        yield
        inside.pop()

    exported = meter.exported
    monkeypatch.setattr(keras, "device", device)
    monkeypatch.setattr(meter, "exported", lambda *given: (seen.extend(inside), exported(*given))[1])
    one = network()
    Meter(Protocol(), None, tmp_path).costs(
        dataclasses.replace(one, build=lambda: (seen.extend(inside), one.build())[1])
    )
    assert seen == ["cpu:0", "cpu:0"] and len(timed) == 1 and not inside


def test_random_weights_that_amplify_rounding_errors_are_no_error(tmp_path, monkeypatch):
    """In a NASNet-A of eight cells and random weights, LiteRT differs from Keras by 1.2e-4 of the largest output."""
    from nasnet_keras.inference.errors import ExportError
    from nasnet_keras.inference.exporting import export
    from nasnet_keras.inference.formats import FORMATS

    logits = FORMATS["litert"].logits
    differing = dataclasses.replace(FORMATS["litert"], logits=lambda *given: 1.01 * logits(*given))
    monkeypatch.setitem(FORMATS, "litert", differing)
    with pytest.raises(ExportError, match="differs from the model"):
        export(network().build(), tmp_path / "a.tflite", "litert")
    assert measuring.exported(network().build(), tmp_path, Protocol()).is_file()


def test_settings_that_are_not_legal(tmp_path):
    for arguments, words in (
        (("tvm", 1, None), "runtime must be one of"),
        (("litert", 0, None), "threads must be"),
        (("litert", 1, "adb"), "needs {model}"),
    ):
        with pytest.raises(LatencyError, match=words):
            Meter.of(*arguments, tmp_path)


def test_lines(tmp_path):
    lines = [Measured(name, f"network {name}", "f" * 64, PHONE, {"latency_ms": 3.5}, {"runs": 3}) for name in "ab"]
    for line in lines:
        write(tmp_path, line)
    assert read(tmp_path) == lines
    with (tmp_path / FILE).open("a") as file:
        file.write('{"genotype": "torn')
    assert read(tmp_path) == lines
    write(tmp_path, lines[0])  # which drops the torn line
    assert read(tmp_path) == [*lines, lines[0]]
    write(tmp_path / "missing", lines[0])
    assert not (tmp_path / "missing").exists() and read(tmp_path / "missing") == []


def test_devices_are_told_apart(tmp_path):
    slow = [Measured("a", "n", "f", PHONE, {"latency_ms": 50.0}), Measured("b", "m", "g", PHONE, {"latency_ms": 60.0})]
    known = [*slow, Measured("a", "n", "f", HERE, {"latency_ms": 5.0})]
    assert find(known, HERE, network="n").costs == {"latency_ms": 5.0}
    assert find(known, PHONE, file="g") is slow[1] and find(known, HERE, file="g") is None
    assert find([dataclasses.replace(slow[0], file="", network="x")], PHONE, network="y", file="") is None
    assert of_device(known, HERE) == {"a": {"latency_ms": 5.0}}
    assert of_device(known, PHONE).keys() == {"a", "b"}
    others = [
        dataclasses.replace(HERE, **{name: value})
        for name, value in (("version", "2.4.0"), ("threads", 2), ("processor", "other"), ("runtime", "onnx"))
    ]
    assert len({HERE, PHONE, *others}) == 6


@pytest.mark.parametrize("device", [HERE, PHONE])
def test_a_device_as_json_and_as_text(device):
    assert Device.from_json(json.loads(json.dumps(device.to_json()))) == device
    assert str(device) in ("litert 2.3.0, 1 thread, 2 cores of a processor", "adb shell time {model} (litert)")


@pytest.mark.parametrize(
    "change",
    [
        {"device": None},
        {"device": {"runtime": 3}},
        {"device": {"runtime": "litert", "threads": "1"}},
        {"costs": {"latency_ms": -1}},
        {"costs": 3},
        {"network": None},
        {"details": []},
    ],
)
def test_damaged_lines(change, tmp_path):
    plain = json.loads(Measured("a", "n", "f", HERE, {"latency_ms": 5.0}).to_line())
    (tmp_path / FILE).write_text(json.dumps({**plain, **change}) + "\n")
    with pytest.raises(ValueError, match=rf"{FILE}, line 1 is damaged: "):
        measured.read(tmp_path)

"""Cards: whatever is in one, it is read or refused with a CardError."""

import dataclasses
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from fuzz import VALUES, damaged_json, rounds

from nasnet_keras import genotypes, pretrained
from nasnet_keras.card import Card, decoded, encoded
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.weights.file import CardError, WeightsFile

CARDS = Path(pretrained.__file__).parent / "cards"
PLAIN = json.loads((CARDS / "searched_cifar10.json").read_text())
PLAIN["latencies"] = [{"runtime": "litert", "threads": 1, "median_ms": 2.5, "processor": "a processor"}]
QUANTIZED = {"format": "litert", "quantization": "int8", "size": 500, "float32_size": 1500, "latencies": []}
QUANTIZED |= {"test_accuracy": 0.9, "float32_accuracy": 0.91}
PLAIN["quantized"] = [{**QUANTIZED, "latencies": PLAIN["latencies"]}]
PLAIN["reference"] = encoded(np.zeros((1, 2, 2, 3), "uint8"), np.zeros((1, 2), "float32"))


@pytest.fixture
def read(tmp_path):
    def written(text):
        (tmp_path / "card.json").write_text(text, encoding="utf-8", errors="surrogatepass")
        return Card.read(tmp_path / "card.json")

    return written


def refused(read, text):
    """Whether a text is refused, which nothing but a short CardError may say."""
    try:
        read(text)
    except CardError as error:
        assert len(str(error)) < 2000
        return True
    return False


@rounds(150, 20_000)
def test_a_damaged_card_is_read_or_is_a_card_error(seeds, read):
    found = [refused(read, damaged_json(PLAIN, seed)) for seed in seeds]
    assert any(found) and not all(found)


def test_every_value_in_every_field_is_taken_or_refused(read):
    for name in PLAIN:
        for value in VALUES:
            refused(read, json.dumps({**PLAIN, name: value}))
            if isinstance(PLAIN[name], dict):
                for key in PLAIN[name]:
                    refused(read, json.dumps({**PLAIN, name: {**PLAIN[name], key: value}}))


def test_values_nested_deeply_are_refused_at_every_depth(read):
    text = json.dumps({**PLAIN, "metrics": "@", "network": {**PLAIN["network"], "num_repeats": "@@"}})
    for depth in (*range(90, 110), *range(850, 1000, 3), 10**5):
        deep = "[" * depth + "]" * depth
        assert refused(read, text.replace('"@@"', deep).replace('"@"', "{}"))
        assert refused(read, text.replace('"@@"', "2").replace('"@"', f'{{"a": {deep}}}')) == (depth > 98)


@pytest.mark.parametrize(
    "change",
    [
        {"input_range": [0, 10**400]},
        {"input_range": [0]},
        {"input_range": {"0": 1}},
        {"preprocessing": 3},
        {"preprocessing": {"scale": float("nan"), "offset": 0}},
        {"class_names": ["a", "a"]},
        {"latencies": {"litert": 2.5}},
        {"latencies": [2.5]},
        {"latencies": [{"runtime": "litert", "threads": 1}]},
        {"latencies": [{"runtime": "litert", "threads": 1, "median_ms": 0}]},
        {"latencies": [{"runtime": "litert", "threads": True, "median_ms": 1}]},
        {"quantized": QUANTIZED},
        {"quantized": [{**QUANTIZED, "test_accuracy": 90.0}]},
        {"quantized": [{**QUANTIZED, "size": 0.3}]},
        {"quantized": [{name: QUANTIZED[name] for name in QUANTIZED if name != "float32_size"}]},
        {"quantized": [{**QUANTIZED, "quantization": None}]},
        {"quantized": [{**QUANTIZED, "latencies": [{"runtime": "litert"}]}]},
        {"class_names": "ab"},
        {"class_names": ["x" * 10**6] * 2},
        {"name": "x" * 10**6},
        {"genotype": "nasnet_a"},
        {"weights": {"file": "a" * 5000, "sha256": "0" * 64}},
        {"weights": {"file": "a.h5", "sha256": "0" * 64, "url": {"a": 1}}},
        {"weights": [1]},
        {"network": {"num_repeats": 10**9, "filters": 4}},
        {"network": {"num_repeats": 1, "filters": 10**300}},
        {"network": {"num_repeats": 1, "filters": 4, "classifier_activation": {"class_name": "x"}}},
        {"network": {"num_repeats": 1, "filters": 4, "batch_norm_epsilon": 10**300 * 10**90}},
        {"network": {"num_repeats": 1, "filters": 4, "input_tensor": 1}},
        {"input_shape": [10**300, 32, 3]},
        {"license": ["x" * 10**6]},
        {"version": 10**300},
        {"format": ["x" * 10**6]},
    ],
)
def test_what_no_card_says_is_refused_in_no_time(change, read):
    begun = time.monotonic()
    assert refused(read, json.dumps({**PLAIN, **change}))
    assert time.monotonic() - begun < 10


def test_files_that_are_no_cards(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(10**10)  # of no blocks
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe")
    for name in ("pipe.json", "large.json", "bytes.json", "none.json", ".", "x" * 5000, "a\0b"):
        with pytest.raises(CardError, match="cannot read the card"):
            Card.read(tmp_path / name)


@pytest.mark.parametrize("field", ["latencies", "quantized"])
def test_what_was_measured_is_kept_and_older_cards_have_none(field, read):
    card = read(json.dumps(PLAIN))
    assert getattr(card, field) == tuple(PLAIN[field])
    assert read(card.to_json()) == card
    assert getattr(read(json.dumps({name: value for name, value in PLAIN.items() if name != field})), field) == ()


@pytest.mark.parametrize("name", [*(field for field in Card.__dataclass_fields__)])
def test_a_card_made_of_any_value_is_refused_or_can_be_written(name):
    given = {
        **{key: PLAIN[key] for key in Card.__dataclass_fields__},
        "genotype": genotypes.NASNET_A,
        "network": {"num_repeats": 1, "filters": 4},
        "weights": WeightsFile("a.h5", 1, "0" * 64),
    }
    for value in (*VALUES, {1: 2}, {"a": {1}}, {"a": b""}, np.zeros(3), object(), {"a": np.float32(1)}):
        try:
            card = Card(**{**given, name: value})
        except CardError:
            continue
        json.loads(card.to_json())


def test_reference_images_unpack_to_their_size_or_not_at_all():
    images, outputs = np.arange(24, dtype="uint8").reshape(2, 2, 2, 3), np.ones((2, 5), "float32")
    packed = encoded(images, outputs)
    assert all(np.array_equal(a, b) for a, b in zip(decoded(packed), (images, outputs), strict=True))
    bomb = encoded(np.zeros((1, 5000, 5000, 3), "uint8"), outputs)["images"]
    for change in ({"images": bomb}, {"images": 3}, {"images": "?"}, {"shape": [10**9] * 3}, {"shape": [-1, 24]}):
        with pytest.raises(CardError, match="cannot be read"):
            decoded({**packed, **change})
    with pytest.raises(CardError, match="cannot be read"):
        decoded({})


def test_the_former_name_of_the_license_is_read_and_told_of(read, caplog):
    former = {"licence" if name == "license" else name: value for name, value in PLAIN.items()}
    card = read(json.dumps(former))
    assert card.license == PLAIN["license"] and json.loads(card.to_json())["license"] == card.license
    read(json.dumps(former))
    assert [record.getMessage().partition("=")[0] for record in caplog.records] == ["licence"], "once"
    fields = {field.name: getattr(card, field.name) for field in dataclasses.fields(card)}
    with pytest.warns(DeprecationWarning, match="is now license=") as caught:
        assert (
            Card(**{name: value for name, value in fields.items() if name != "license"}, licence="CC0").license == "CC0"
        )
    assert {warning.filename for warning in caught} == {__file__}
    with pytest.warns(DeprecationWarning, match="licence='MIT' is now license='MIT'"):
        assert TrainingConfig("unused", licence="MIT").license == "MIT"

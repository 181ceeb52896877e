"""What jobs say of the machine that they run on."""

import platform
from pathlib import Path

import pytest

from nasnet_keras.utils import environment

CPUINFO = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: {}
flags\t\t: fpu

processor\t: 1
model name\t: another one
"""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("AMD EPYC 9554 64-Core Processor", "AMD EPYC 9554 64-Core Processor"),
        ("AMD EPYC", "AMD EPYC (family 25, model 17)"),
        ("Intel(R) Xeon(R) CPU @ 2.80GHz", "Intel(R) Xeon(R) CPU @ 2.80GHz (family 25, model 17)"),
    ],
)
def test_a_processor_whose_model_is_hidden_is_told_by_its_numbers(name, expected, monkeypatch):
    monkeypatch.setattr(Path, "read_text", lambda path, **settings: CPUINFO.format(name))
    assert environment.processor() == f"{environment.cores()} cores of {expected}"


def test_where_nothing_names_the_processor_its_kind_stands(monkeypatch):
    monkeypatch.setattr(environment, "_cpuinfo", dict)
    monkeypatch.setattr(platform, "processor", lambda: "")
    assert environment.processor() == f"{environment.cores()} cores of {platform.machine()}"

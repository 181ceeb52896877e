"""The user's own command: what it is given, what is read of it, and its failures."""

import os
import shlex
import signal
import subprocess
import sys
import time

import pytest
from helpers import running, wait_for

from nasnet_keras.latency.command import LatencyCommand
from nasnet_keras.latency.errors import LatencyError


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "the model's file.tflite"
    found.write_bytes(b"12345")
    return found


def command(code, *arguments, seconds=30.0):
    words = [sys.executable, "-c", code, *(arguments or ["{model}"])]
    return LatencyCommand(shlex.join(words), seconds)


def test_the_last_line_is_the_number_and_the_file_is_an_argument(path):
    code = "import sys; print('warm'); print(len(open(sys.argv[1]).read())); print()"
    assert command(code).measure(path) == 5.0
    assert command("import sys; print(len(sys.argv[1]))", "--model={model}").measure(path) == len(f"--model={path}")


def test_no_shell_reads_it(path):
    arguments = LatencyCommand("run '$HOME' * {model} '; rm {model}'").arguments(path)
    assert arguments == ["run", "$HOME", "*", str(path), f"; rm {path}"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo 5", "needs {model} among its arguments, where the path of the file goes, got 'echo 5'"),
        ("", "needs {model}"),
        ("{model}", "needs {model}"),
        ("echo 'a {model}", "is no command: No closing quotation"),
        (7, "must be a text, got 7"),
        (None, "must be a text, got None"),
    ],
)
def test_texts_that_are_no_command(text, words):
    with pytest.raises(LatencyError, match=words):
        LatencyCommand(text)


@pytest.mark.parametrize("line", ["12 ms", "", "nan", "inf", "-1", "0", "1e400"])
def test_a_last_line_that_is_no_number_of_milliseconds(line, path):
    with pytest.raises(LatencyError, match="must be a positive number of milliseconds, got") as caught:
        LatencyCommand(f"printf '5\n%s\n' '{line}' '' {{model}}" if line else "true {model}").measure(path)
    assert "\n" not in str(caught.value)


def test_commands_that_fail(path):
    with pytest.raises(LatencyError, match="cannot be started: .*No such file"):
        LatencyCommand("/no/such/program {model}").measure(path)
    with pytest.raises(LatencyError, match="ended with exit code 1, and said 'error: no devices'"):
        command("import sys; print(5); print('daemon'); sys.exit('starting' + chr(10) + 'error: no devices')").measure(
            path
        )
    with pytest.raises(LatencyError, match="ended with exit code 3, and said 'nothing'"):
        command("raise SystemExit(3)").measure(path)
    with pytest.raises(LatencyError, match="was ended by SIGKILL"):
        command("import os; os.kill(os.getpid(), 9)").measure(path)


def test_a_command_that_hangs_is_ended_with_what_it_started(path, tmp_path):
    started = tmp_path / "pid"
    code = (
        "import subprocess, sys, time; child = subprocess.Popen(['sleep', '100']); "
        f"open('{started}', 'w').write(str(child.pid)); time.sleep(100)"
    )
    begun = time.monotonic()
    with pytest.raises(LatencyError, match="did not end within 2 seconds"):
        command(code, seconds=2.0).measure(path)
    assert time.monotonic() - begun < 20
    wait_for(lambda: not running(int(started.read_text())))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_command_ends_with_the_process_that_began_it(number, path, tmp_path):
    """Also one that measures in a search, which is ended by a signal that it cannot handle, with its process group."""
    begun = f"import os, time; print(os.getpid(), file=open({str(tmp_path / 'pid')!r}, 'w')); time.sleep(100)"
    code = (
        "import pathlib, signal, sys; from nasnet_keras.latency.command import LatencyCommand; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); "  # tests that run behind ignore it
        "LatencyCommand(sys.argv[1]).measure(pathlib.Path(sys.argv[2]))"
    )
    words = [sys.executable, "-c", code, command(begun).text, str(path)]
    parent = subprocess.Popen(words, start_new_session=True, stderr=subprocess.DEVNULL)
    running_command = wait_for(lambda: int((tmp_path / "pid").read_text()))
    os.killpg(parent.pid, number)
    assert parent.wait(20) != 0
    wait_for(lambda: not running(running_command))


def test_a_command_that_writes_without_end_is_ended(path):
    begun = time.monotonic()
    for text in ("yes {model}", "sh -c 'yes >&2' {model}"):
        with pytest.raises(LatencyError, match="wrote more than 64 MiB"):
            LatencyCommand(text, 60.0).measure(path)
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize("seconds", [0, -1.0, 1e12, float("nan"), "1"])
def test_times_that_are_none(seconds):
    with pytest.raises(LatencyError, match="timeout_seconds must be a number of seconds above 0"):
        LatencyCommand("true {model}", seconds)


def test_a_daemon_that_it_leaves_does_not_hold_it_up(path):
    """The first `adb` starts a server, which keeps the output open."""
    code = "import subprocess; subprocess.Popen(['sleep', '3']); print(1.5)"
    begun = time.monotonic()
    assert command(code).measure(path) == 1.5
    assert time.monotonic() - begun < 2.5

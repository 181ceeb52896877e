"""The user's own command: what it is given, what is read of it, and its failures."""

import shlex
import subprocess
import sys
import time

import psutil
import pytest

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
    deadline = time.monotonic() + 20
    while _runs(int(started.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_command_ends_with_the_search_that_was_killed(path, tmp_path):
    started = tmp_path / "pid"
    code = f"import os, time; open('{started}', 'w').write(str(os.getpid()) + chr(10)); time.sleep(100)"
    search = (
        "import pathlib; from nasnet_keras.latency.command import LatencyCommand; "
        f"LatencyCommand({command(code).text!r}).measure(pathlib.Path({str(path)!r}))"
    )
    deadline = time.monotonic() + 30
    with subprocess.Popen([sys.executable, "-c", search]) as process:
        while not (started.exists() and started.read_text().endswith("\n")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert _runs(int(started.read_text()))
        process.kill()
    while _runs(int(started.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _runs(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_daemon_that_it_leaves_does_not_hold_it_up(path):
    """The first `adb` starts a server, which keeps the output open."""
    code = "import subprocess; subprocess.Popen(['sleep', '3']); print(1.5)"
    begun = time.monotonic()
    assert command(code).measure(path) == 1.5
    assert time.monotonic() - begun < 2.5

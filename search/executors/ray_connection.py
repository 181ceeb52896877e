"""The connection of a search to a Ray cluster, which it starts on this machine if there is none."""

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

from absl import logging

from nasnet_keras.search.executors.base import ExecutorError
from nasnet_keras.search.executors.gpus import visible_gpus
from nasnet_keras.utils.environment import cores
from nasnet_keras.utils.extras import install

__all__ = ["LOCAL", "address_of", "connected"]

LOCAL = "local"
"""The address of a cluster that a search starts on its machine, and ends."""

_STORE_BYTES = 128 * 2**20  # of the object store of a cluster that is started here, where only texts go through it
_LOOPBACK = "127.0.0.1"
_SETTINGS = {
    # Despite its name, at 0 it lets Ray open all its ports on the loopback device, on every system (Ray 2.60).
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",  # a child has the priority of the search; Ray's usual 15 gives way to all others
}


def address_of(address: str | None) -> str:
    """Return the address of the cluster that is used: the given one, that of `RAY_ADDRESS`, or `LOCAL`."""
    return address or os.environ.get("RAY_ADDRESS") or LOCAL


@contextmanager
def connected(address: str | None) -> Iterator[ModuleType]:
    """Connect this process to a Ray cluster, and give the module `ray`; a connection that is there already is used.

    A cluster that is started here has the cores and the GPUs that this process may use. It opens its ports on the
    loopback device only, reports nothing to anybody, and ends with the connection, its files too.

    Args:
        address: the address of a cluster; None for that of `RAY_ADDRESS`, or to start one if there is none.

    Raises:
        ValueError: Ray is not installed, or the address is that of a client's server.
        ExecutorError: there is no cluster at the address, or it has other versions.
    """
    address = address_of(address)
    if address.startswith("ray://"):
        raise ValueError(
            f"ray_address={address!r} is for clients outside of a cluster, and a search runs on one of its machines: "
            f"start it there, as by ray job submit"
        )
    with _started(address) if address == LOCAL else _joined(address) as ray:
        yield ray


@contextmanager
def _joined(address: str) -> Iterator[ModuleType]:
    ray = _imported()
    if ray.is_initialized():
        yield ray
        return
    _init(ray, address=address)
    try:
        with _in_log(ray):
            yield ray
    finally:
        ray.shutdown()


@contextmanager
def _started(address: str) -> Iterator[ModuleType]:
    added = _SETTINGS.keys() - os.environ.keys()  # what a user has set wins
    os.environ.update({name: _SETTINGS[name] for name in added})
    folder = None
    try:
        ray = _imported()
        if ray.is_initialized():
            yield ray
            return
        folder = tempfile.mkdtemp(prefix="ray-")
        _init(
            ray,
            address=address,
            num_cpus=cores(),
            num_gpus=len(visible_gpus()),
            object_store_memory=_STORE_BYTES,
            include_dashboard=False,
            _temp_dir=folder,
        )
        if any(node["NodeManagerAddress"] != _LOOPBACK for node in ray.nodes()):
            logging.warning("Ray was imported before the search, and opens ports on all network devices")
        try:
            with _in_log(ray):
                yield ray
        finally:
            ray.shutdown(wait_for_processes=True)
    finally:
        for name in added:
            os.environ.pop(name, None)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _imported() -> ModuleType:
    try:
        import ray
    except ImportError as error:
        raise ValueError(f"the executor ray needs Ray, {install('ray')}: {error}") from None
    return ray


def _heard(data: dict[str, Any], ignore_prefix: bool = False) -> None:
    """Put what Ray says of its machines in the log."""
    del ignore_prefix
    logging.info("Ray: %s", "\n".join(data["lines"]))


@contextmanager
def _in_log(ray: ModuleType) -> Iterator[None]:
    """Keep a lost machine's log, of which no setting rids, out of the standard output."""
    worker = ray._private.worker
    before = getattr(worker, "print_to_stdstream", None)
    if before is None:
        yield
        return
    worker.print_to_stdstream = _heard
    try:
        yield
    finally:
        worker.print_to_stdstream = before


def _init(ray: ModuleType, **options: Any) -> None:
    """Call `ray.init`, and keep the signal handlers of this process, which Ray replaces."""
    handlers = {}
    if threading.current_thread() is threading.main_thread():
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        ray.init(**options, log_to_driver=False, configure_logging=False)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:  # or other versions, or no token
        with suppress(Exception):
            ray.shutdown()
        text = " ".join(str(error).split())
        raise ExecutorError(f"no connection to a Ray cluster at {options['address']!r}: {text}") from None
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)

"""The process and its machine: settings to make before TensorFlow is imported, and the hardware that is there."""

import functools
import logging
import os
import platform
from contextlib import AbstractContextManager
from pathlib import Path

import psutil
from threadpoolctl import ThreadpoolController

__all__ = [
    "accelerators",
    "cores",
    "hardware",
    "has_gpu",
    "one_blas_thread",
    "prepare",
    "processor",
    "require_tensorflow",
    "tensorflow_on_processor",
]


def prepare() -> None:
    """Make a job fast and quiet by environment variables; those that a user has set win.

    oneDNN is off by default on AMD processors, and doubles the speed of training there (measured on AVX2 cores).
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2") >= "2":
        logging.getLogger("tensorflow").setLevel(logging.ERROR)


def one_blas_thread() -> AbstractContextManager[None]:
    """Let NumPy's matrix products run on one thread within a `with` statement.

    Beside children that use all cores, threads that wait for each other cost a search several times the time of one.

    Example:
        >>> with one_blas_thread():
        ...     product = np.eye(3) @ np.eye(3)
    """
    return _blas().limit(limits=1, user_api="blas")


def has_gpu() -> bool:
    """Tell whether TensorFlow has a GPU to compute on; GPUs that are hidden from this process do not count."""
    import tensorflow as tf

    return bool(tf.config.get_visible_devices("GPU"))


def tensorflow_on_processor() -> bool:
    """Tell whether Keras computes by TensorFlow and without a GPU, where some gradients are faster by ways of ours."""
    import keras

    return keras.backend.backend() == "tensorflow" and not has_gpu()


def accelerators() -> list[str]:
    """List the names of the accelerators that this process sees through Keras' backend; empty on a processor."""
    import keras

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return [device.device_kind for device in jax.devices() if device.platform != "cpu"]
    if backend == "torch":
        import torch

        return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    import tensorflow as tf

    gpus = tf.config.get_visible_devices("GPU")
    return [tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus]


def hardware() -> str:
    """Describe in words the hardware of this process: the accelerators, or the processor and its cores."""
    found = accelerators()
    return f"{len(found)} × {found[0]}" if found else processor()


def processor() -> str:
    """Name the processor, and the number of its cores that this process may use.

    Many virtual machines hide the model ("AMD EPYC"), which is twice as fast in one generation as in another: its
    numbers tell these apart.
    """
    known = _cpuinfo()
    name = known.get("model name") or platform.processor() or platform.machine()
    hidden = not any(map(str.isdigit, name.partition("@")[0]))  # behind it stands the frequency
    if hidden and {"cpu family", "model"} <= known.keys():
        name += f" (family {known['cpu family']}, model {known['model']})"
    return f"{cores()} cores of {name}"


def _cpuinfo() -> dict[str, str]:
    """Read what Linux tells of the first core."""
    try:
        first, _, _ = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def cores() -> int:
    """Count the processor's cores that this process may use."""
    process = psutil.Process()
    if hasattr(process, "cpu_affinity"):  # not on macOS
        return len(process.cpu_affinity())
    return psutil.cpu_count() or 1


@functools.cache
def _blas() -> ThreadpoolController:
    """The libraries for matrix products in this process, which are found once, since that takes milliseconds."""
    return ThreadpoolController()


def require_tensorflow() -> None:
    """Check that Keras runs on TensorFlow.

    Raises:
        ValueError: Keras runs on another backend.
    """
    import keras  # slow, and it reads settings of the environment

    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "children and controllers run on TensorFlow, and Keras was started with "
            f"{keras.backend.backend()!r}: set KERAS_BACKEND=tensorflow"
        )

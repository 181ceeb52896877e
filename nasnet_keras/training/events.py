"""Files of events for TensorBoard."""

import itertools
import os
import socket
import time
from pathlib import Path

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_SCALAR, Summary, SummaryMetadata
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util.tensor_util import make_tensor_proto

from nasnet_keras.utils.files import check

__all__ = ["EventFile"]

_serial = itertools.count()


class EventFile:
    """A new event file in a folder, which is made if it is missing.

    The file is written by Python: TensorBoard's writer imports TensorFlow if that is installed, which costs seconds and
    hundreds of MB in a process that does not need it. Every write is flushed.

    Raises:
        WorkdirError: the folder belonged to this process, and no longer does.
    """

    def __init__(self, folder: Path) -> None:
        check(folder)
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time():010.0f}.{socket.gethostname()}.{os.getpid()}.{next(_serial):06}"
        self._records = RecordWriter((folder / name).open("xb"))
        self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))

    def scalars(self, values: dict[str, float], step: int) -> None:
        """Add a point to each named curve."""
        summary = Summary()
        for tag, value in values.items():
            metadata = SummaryMetadata(
                plugin_data=SummaryMetadata.PluginData(plugin_name="scalars"), data_class=DATA_CLASS_SCALAR
            )
            summary.value.add(tag=tag, tensor=make_tensor_proto(np.float32(value)), metadata=metadata)
        self.summary(summary, step)

    def summary(self, summary: Summary, step: int = 0) -> None:
        """Add any summary."""
        self._write(Event(wall_time=time.time(), step=step, summary=summary))

    def close(self) -> None:
        """Close the file; a second time it does nothing."""
        if not self._records.closed:
            self._records.close()

    def _write(self, event: Event) -> None:
        self._records.write(event.SerializeToString())
        self._records.flush()

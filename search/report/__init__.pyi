"""The names of nasnet_keras.search.report, for editors and type checkers. `tools/make_stubs.py` writes it."""

from nasnet_keras.search.report.page import report as report
from nasnet_keras.search.report.page import write_report as write_report
from nasnet_keras.search.report.terminal import summary as summary

__all__ = ["report", "summary", "write_report"]

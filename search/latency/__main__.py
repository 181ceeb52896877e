"""Measure the latency of an exported model, or make a predictor of latencies for a search space.

    nasnet-latency MODEL.tflite
    nasnet-latency --fit --space=nasnet --networks=60 --output=pixel.json

The first command prints one measurement. The second draws networks of the space, exports them with random weights,
measures each, and fits a predictor, which nasnet-search uses by --latency=pixel.json; it goes on if it was stopped and
the same command is given again. The machine should do nothing else meanwhile.
"""

from typing import Any

from nasnet_keras.utils.jobs import run_job  # nothing slow here: see there
from nasnet_keras.utils.manual import Manual, next_steps


def _define_flags() -> tuple[Any, ...]:
    """Define the flags of the job."""
    from nasnet_keras.search.latency.config import LatencyConfig
    from nasnet_keras.utils.settings import define_flags

    return define_flags(LatencyConfig)


def main(values: dict[str, Any]) -> None:
    """Measure, or fit, by the values of the flags."""
    from nasnet_keras.search.latency.config import LatencyConfig
    from nasnet_keras.utils.settings import from_flags

    models = values.pop("models")
    config = LatencyConfig(**from_flags(LatencyConfig, values))
    if config.fit == bool(models) or len(models) > 1:
        raise ValueError("give the path of one exported model to measure, or --fit to make a predictor for a space")
    if config.fit:
        _fit(config)
    else:
        _print_measurement(config, models[0])


def _print_measurement(config: Any, model: str) -> None:
    from pathlib import Path

    from nasnet_keras.latency.measuring import measure_latency
    from nasnet_keras.latency.protocol import existing

    meter = config.meter(Path(model))
    protocol = meter.protocol
    if meter.command is not None:  # it may read files that no runtime here does
        print(f"{meter.command.measure(existing(Path(model))):.4g} ms; {meter.command.text}")
        return
    shape, path = protocol.input_shape, protocol.checked_file(Path(model))
    print(measure_latency(path, protocol.runtime, protocol.threads, input_shape=shape, accuracy=protocol.accuracy))


def _fit(config: Any) -> None:
    from pathlib import Path

    from nasnet_keras.search.latency.fitting import check, make_predictor
    from nasnet_keras.utils.files import begin

    networks, meter, output = config.drawn(), config.meter(), Path(config.output)
    check(config.networks, output)
    begin()  # from here on a signal ends the job by an exception: it keeps what it measured
    predictor = make_predictor(networks, config.space, config.networks, meter, output)
    print(f"{output}: latencies of the space {config.space} on {predictor.device}\nHeld out: {predictor.held_out}")
    search = ["nasnet-search", f"--space={config.space}", f"--latency={output}", "--limit=latency_ms=X", "--workdir=s1"]
    print(f"\n{next_steps({'Search within a limit': search})}")


def _settings() -> tuple[type, ...]:
    from nasnet_keras.search.latency.config import LatencyConfig

    return (LatencyConfig,)


_MANUAL = Manual(
    first=("fit", "output", "networks", "runtime", "threads", "latency_command"),
    settings=_settings,
)


def console() -> None:
    """The console script `nasnet-latency`."""
    run_job(
        "nasnet-latency",
        main,
        _define_flags,
        kept="the latencies",
        place="output",
        operands="models",
        manual=_MANUAL,
    )


if __name__ == "__main__":
    console()

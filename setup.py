"""Three folders, one import package: `search/` and `pretrained/` are linked into `nasnet_keras/`, so that nothing named
`search` is installed, and a checkout imports as it is."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
EXPORT = [
    "ai-edge-litert>=2",  # inference/litert.py: running LiteRT files, to check them
    "litert-quantizer>=0.11",  # inference/litert_int8.py: LiteRT files in int8
    "onnx>=1.17",  # inference/onnx_int8.py: graphs of ONNX files
    "onnxruntime>=1.20",  # inference/onnx.py: running ONNX files, to check them; inference/onnx_int8.py: in int8
    "tf2onnx>=1.16",  # inference/onnx.py: Keras' exporter to ONNX imports it
]
OPENVINO = [
    "nncf>=3",  # inference/openvino_int8.py: OpenVINO's files in int8; it brings scipy and scikit-learn
    "openvino>=2025",  # inference/openvino.py: writing and running OpenVINO's files; latency/runtimes.py: measuring
]
PANDAS = "pandas>=2.2"  # search/study/frame.py: trials as a table
DOCS = [
    "furo>=2025.7",  # docs/conf.py: the site's look
    "ipykernel>=6",  # docs/tutorials/: running notebooks
    "myst-nb>=1.4",  # docs/conf.py: pages in Markdown, some of them notebooks
    "sphinx>=8.1",  # docs/conf.py: the site
]
RAY = "ray>=2.52,<3"  # search/executors/ray_cluster.py: children on many machines


def version() -> str:
    line = next(x for x in (ROOT / "nasnet_keras/__init__.py").read_text().splitlines() if x.startswith("__version__"))
    return line.split('"')[1]


def description() -> str:
    """The README for a package index, which shows it alone: without what links to files beside it, or shows them."""
    parts = (ROOT / "README.md").read_text(encoding="utf-8").split("\n\n")
    return "\n\n".join(part for part in parts if not re.search(r"\]\((?!https:)", part))


setup(
    name="nasnet_keras",
    version=version(),
    description="NASNet-family networks from genotypes, exact to the parameter, and the search that finds them",
    long_description=description(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE", "NOTICE"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Operating System :: MacOS",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    keywords="nasnet neural-architecture-search keras tensorflow",
    python_requires=">=3.11",
    packages=find_packages(include=["nasnet_keras", "nasnet_keras.*"]),
    package_data={
        "": ["*.pyi"],
        "nasnet_keras.training.datasets": ["digits.npz"],
        "nasnet_keras.search.tables": ["*.json", "*.jsonl"],
        "nasnet_keras.pretrained": ["cards/*.json", "weights/*.weights.h5"],
    },
    install_requires=[
        "absl-py>=2.1",  # utils/jobs.py: flags and messages of the jobs
        "filelock>=3.30",  # utils/locks.py, utils/files.py: one writer of a folder or file
        "h5py>=3.11",  # weights/hdf5.py: strict reading of weights
        "importlib_resources>=6",  # tensorflow-datasets imports it, and does not require it
        "keras>=3.15,<4",  # layers/, networks/: layers, models, saving
        "ml_dtypes>=0.4",  # weights/loading.py: weights in bfloat16
        "numpy>=1.26",  # training/datasets/: arrays of images; search/: random choices; latency/: fits of latencies
        "pillow>=11.1",  # images/files.py: reading images
        "psutil>=5.9",  # utils/environment.py: cores; images/fitting.py: free memory
        "requests>=2.31",  # weights/download.py: weights from the network
        "safetensors>=0.5",  # weights/state_dict.py: weights of PyTorch's networks
        "tensorboard>=2.20",  # training/events.py, search/report/tensorboard.py: curves
        "tensorflow>=2.21,<3",  # Keras' default backend; search/: controllers and supernets
        "tensorflow-datasets>=4.9.10",  # training/datasets/tensorflow_datasets.py: data sets by name
        "threadpoolctl>=3.5",  # utils/environment.py: proposals on one thread, beside children
        "tqdm>=4.66",  # utils/progress.py: progress bars
        "wrapt>=2",  # utils/lazy.py: layers that Keras knows of before they are imported
    ],
    extras_require={
        "docs": [*EXPORT, *DOCS],  # docs/tutorials/your_own_images.md writes files for phones
        "export": EXPORT,
        "openvino": [*EXPORT, *OPENVINO],
        "pandas": PANDAS,
        "ray": RAY,
        "test": [
            *EXPORT,  # tests/test_exporting.py, benchmarks/inference.py
            *OPENVINO,  # tests/test_openvino.py, tests/test_latency.py, tests/test_quantized_onnx.py
            PANDAS,  # tests/test_frames.py
            RAY,  # tests/test_ray.py
            *DOCS,  # tests/test_site.py
            "hypothesis>=6.100",  # tests/test_genotype.py and others: property tests
            "jedi>=0.19",  # tests/test_editors.py: what an editor completes
            "jax>=0.5",  # tests/test_backends.py, which tests PyTorch too if it is installed
            "pytest>=8",
            "pytest-xdist>=3.6",  # .ci/run: tests on both cores
            "ruff==0.17.6",  # .ci/run: lint and format
            "setuptools>=77",  # tests/test_package.py: a wheel
        ],
    },
    entry_points={
        "console_scripts": [
            "nasnet-export = nasnet_keras.pretrained.export.__main__:console",
            "nasnet-finetune = nasnet_keras.pretrained.__main__:console",
            "nasnet-latency = nasnet_keras.search.latency.__main__:console",
            "nasnet-predict = nasnet_keras.pretrained.predict_job.__main__:console",
            "nasnet-report = nasnet_keras.search.report.__main__:console",
            "nasnet-search = nasnet_keras.search.__main__:console",
            "nasnet-train = nasnet_keras.training.__main__:console",
        ]
    },
)

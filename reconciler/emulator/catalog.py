"""The flavors, engines and built-in algorithms that the emulator offers.

Numbers and rows shown in the ModelArts API Reference ("Creating a Training Job Using the
TensorFlow Framework", "Querying Job Resource Specifications", "Querying Job Engine
Specifications") are taken over; the rest is made up in their manner. Whatever the engine,
jobs run with the Python that runs the emulator.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Flavor:
    """One kind of machine; `memory` in GB, `max_workers` per job."""

    id: int
    code: str
    cores: str
    memory: str
    max_workers: int = 1
    gpus: int = 0
    gpu_type: str = ""
    sold_out: bool = False


@dataclass(frozen=True)
class Engine:
    """One framework version; `pod_version` is the short form that version details show."""

    id: int
    type: int
    name: str
    version: str
    pod_version: str


@dataclass(frozen=True)
class Algorithm:
    """One algorithm that needs no code of the user; the emulator only pretends to run it."""

    id: int
    name: str
    usage: int
    precision: str
    size: int
    dataset: str
    dataset_format: str
    created: int
    engine: Engine
    parameters: tuple[tuple[str, str, bool], ...]


FLAVORS = (
    Flavor(7, "modelarts.vm.cpu.2u", "2", "8"),
    Flavor(27, "modelarts.vm.cpu.8u", "8", "32"),
    Flavor(28, "modelarts.vm.gpu.1v100", "8", "64", max_workers=4, gpus=1, gpu_type="nvidia-v100"),
    Flavor(
        29, "modelarts.vm.gpu.8v100", "64", "512", max_workers=2, gpus=8, gpu_type="nvidia-v100"
    ),
    Flavor(30, "modelarts.vm.gpu.1p100", "8", "64", gpus=1, gpu_type="nvidia-p100", sold_out=True),
)

ENGINES = (
    Engine(130, 13, "Ascend-Powered-Engine", "TF-1.15-python3.7-aarch64", "1.15-cp37"),
    Engine(1, 1, "TensorFlow", "TF-1.4.0-python2.7", "1.4.0-cp27"),
    Engine(3, 1, "TensorFlow", "TF-1.8.0-python2.7", "1.8.0-cp27"),
    Engine(4, 1, "TensorFlow", "TF-1.8.0-python3.6", "1.8.0-cp36"),
    Engine(27, 6, "Scikit_Learn", "Scikit_Learn-0.18.1-python3.6", "0.18.1-cp36"),
    Engine(100, 9, "XGBoost-Sklearn", "XGBoost-0.80-Sklearn-0.18.1-python3.6", "0.80-cp36"),
    Engine(121, 10, "PyTorch", "PyTorch-1.4.0-python3.6", "1.4.0-cp36"),
)

_INNER = Engine(501, 1001, "INNER_MXNet", "MXNet-1.2.1-python2.7", "1.2.1-cp27")

ALGORITHMS = (
    Algorithm(
        4,
        "ResNet_v2_50",
        1,
        "75.55%(top1), 92.6%(top5)",
        102503801,
        "ImageNet, 1,000 classes for image classification",
        "shape: [H>=32, W>=32, C>=1]; type: int8",
        1522218780025,
        _INNER,
        (("batch_size", "4", True), ("lr", "0.0001", True), ("max_epoches", "10", False)),
    ),
    Algorithm(
        7,
        "Faster_RCNN_ResNet_v2_101",
        2,
        "80.05%(mAP)",
        210567232,
        "PASCAL VOC2007, 20 classes for object detection",
        "shape: [H, W, C==3]; type: int8",
        1522218780031,
        _INNER,
        (("batch_size", "2", True), ("num_classes", "20", False)),
    ),
)

DEFAULT_ENGINE = 1

_FLAVORS_BY_CODE = {flavor.code: flavor for flavor in FLAVORS}
_FLAVORS_BY_ID = {flavor.id: flavor for flavor in FLAVORS}
_ENGINES_BY_ID = {engine.id: engine for engine in (*ENGINES, _INNER)}
_OFFERED = {engine.id for engine in ENGINES}
_ALGORITHMS_BY_ID = {algorithm.id: algorithm for algorithm in ALGORITHMS}


def flavor(key: int | str) -> Flavor | None:
    """The flavor with this number or code, or None."""
    return _FLAVORS_BY_ID.get(key) if isinstance(key, int) else _FLAVORS_BY_CODE.get(key)


def engine(number: int) -> Engine | None:
    """The engine with this number, internal ones included, or None."""
    return _ENGINES_BY_ID.get(number)


def is_offered(number: int) -> bool:
    """Whether a job may ask for this engine (internal ones serve built-in algorithms only)."""
    return number in _OFFERED


def algorithm(number: int) -> Algorithm | None:
    """The built-in algorithm with this number, or None."""
    return _ALGORITHMS_BY_ID.get(number)

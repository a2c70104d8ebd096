"""What v2 offers beside the common flavors: engines by text, pool flavors, one managed algorithm.

Engine names are those that the ModelArts documents show ("Creating a Training Job", "Preparing
Algorithms"); the engines of v1 are there as well, as v1-compatible ones. The algorithm bears the
id of the reference's example and only pretends to run.
"""

from dataclasses import dataclass

from reconciler.emulator import catalog as common

POOL_FLAVORS = {
    f"modelarts.pool.visual.{size}": cards
    for size, cards in (
        ("xlarge", 1),
        ("2xlarge", 2),
        ("4xlarge", 4),
        ("8xlarge", 8),
        ("16xlarge", 16),
    )
}


@dataclass(frozen=True)
class Engine:
    """One framework version, known by a text."""

    id: str
    name: str
    version: str
    v1_compatible: bool = False


@dataclass(frozen=True)
class Parameter:
    """A hyperparameter that an algorithm declares, with its default."""

    name: str
    value: str
    type: str


@dataclass(frozen=True)
class Algorithm:
    """One managed algorithm."""

    id: str
    name: str
    code_dir: str
    boot_file: str
    engine: Engine
    parameters: tuple[Parameter, ...]


def _named(name: str, version: str) -> Engine:
    return Engine(version, name, version)


ENGINES = (
    _named("PyTorch", "pytorch_1.8.0-cuda_10.2-py_3.7-ubuntu_18.04-x86_64"),
    _named("TensorFlow", "tensorflow_2.1.0-cuda_10.1-py_3.7-ubuntu_18.04-x86_64"),
    _named("MindSpore", "mindspore_1.7.0-cann_5.1.0-py_3.7-euler_2.8.3-aarch64"),
    _named("Ascend-Powered-Engine", "tensorflow_1.15-cann_5.1.0-py_3.7-euler_2.8.3-aarch64"),
    *(
        Engine(engine.version.lower(), engine.name, engine.version, v1_compatible=True)
        for engine in common.ENGINES
    ),
)

ALGORITHMS = (
    Algorithm(
        "01c399ae-8593-4ef5-9e4d-085950aacde1",
        "example-algorithm",
        "/example-algorithms/code/",
        "/example-algorithms/code/train.py",
        ENGINES[0],
        (Parameter("world_size", "1", "Integer"), Parameter("learning_rate", "0.1", "Float")),
    ),
)


def engine(number: str, name: str, version: str) -> Engine | None:
    """The engine with this id, or without one with this name and version; None if there is none."""
    for entry in ENGINES:
        if number == entry.id if number else (name, version) == (entry.name, entry.version):
            return entry
    return None


def algorithm(number: str) -> Algorithm | None:
    """The managed algorithm with this id, or None."""
    return next((entry for entry in ALGORITHMS if entry.id == number), None)

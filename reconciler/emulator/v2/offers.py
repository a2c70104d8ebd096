"""How v2 shows what is offered: flavors and engines.

After the ModelArts API Reference, "Querying the General Specifications Supported by Training
Jobs" and "Querying the Preset AI Frameworks Supported by Training Jobs".
"""

from typing import Any

from reconciler.emulator import catalog as common
from reconciler.emulator.v2 import catalog

Json = dict[str, Any]

_DISK = {"size": 50, "unit": "GB"}
_RUN_USER = "1102"


def flavor(entry: common.Flavor) -> Json:
    """One row of the flavor list."""
    detail = flavor_detail(entry)
    detail["flavor_info"] = {"max_num": entry.max_workers} | detail["flavor_info"]
    return {"flavor_id": entry.code, "flavor_name": flavor_name(entry), **detail}


def flavor_name(entry: common.Flavor) -> str:
    """A flavor as people call it."""
    if entry.gpus:
        return f"GPU({entry.gpus}*{entry.gpu_type}) instance"
    return f"Computing CPU({entry.cores}U) instance"


def flavor_type(entry: common.Flavor) -> str:
    """CPU or GPU."""
    return "GPU" if entry.gpus else "CPU"


def flavor_detail(entry: common.Flavor) -> Json:
    """What a flavor consists of, as jobs show it."""
    info: Json = {
        "cpu": {"arch": "x86", "core_num": int(entry.cores)},
        "memory": {"size": int(entry.memory), "unit": "GB"},
        "disk": _DISK,
    }
    if entry.gpus:
        info["gpu"] = {
            "unit_num": entry.gpus,
            "product_name": entry.gpu_type.upper(),
            "memory": "32GB",
        }
    billing = {"code": entry.code, "unit_num": 1}
    return {"flavor_type": flavor_type(entry), "billing": billing, "flavor_info": info}


def engine(entry: catalog.Engine) -> Json:
    """One row of the engine list."""
    image = f"aip/{entry.id}:train"
    images = {"cpu_image_url": image, "gpu_image_url": image, "image_version": entry.version}
    return engine_names(entry) | engine_manner(entry) | {"tags": [], "image_info": images}


def engine_names(entry: catalog.Engine) -> Json:
    """What identifies an engine."""
    return {
        "engine_id": entry.id,
        "engine_name": entry.name,
        "engine_version": entry.version,
    }


def engine_manner(entry: catalog.Engine) -> Json:
    """How an engine runs its jobs."""
    return {"v1_compatible": entry.v1_compatible, "run_user": _RUN_USER}

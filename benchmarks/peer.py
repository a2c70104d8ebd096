"""What users write today: a script that creates jobs with `requests` in a thread pool.

It records nothing, plans nothing and repeats nothing, and so is the least that an apply can cost.
`python -m benchmarks.peer PORT JOBS THREADS`
"""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import requests

_local = threading.local()


def _create(url: str, number: int) -> None:
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
        _local.session.headers["X-Auth-Token"] = "token"
    name = f"job-{number:06}"
    config = {
        "worker_server_num": 1,
        "app_url": f"/bucket/code/{name}/",
        "boot_file_url": f"/bucket/code/{name}/train.py",
        "train_url": f"/bucket/output/{name}/",
        "engine_id": 4,
        "parameter": [{"label": "learning_rate", "value": "1e-3"}],
        "flavor": {"code": "modelarts.vm.cpu.8u"},
    }
    answer = _local.session.post(url, json={"job_name": name, "config": config}, timeout=60)
    answer.raise_for_status()
    answer.json()


if __name__ == "__main__":
    port, jobs, threads = map(int, sys.argv[1:])
    target = f"http://127.0.0.1:{port}/v1/benchmark/training-jobs"
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda number: _create(target, number), range(jobs)))

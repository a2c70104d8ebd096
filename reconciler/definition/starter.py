"""What `reconciler init` writes: a commented definition, its first training code, ignore rules."""

from typing import Final

SCHEMA_FILE: Final = "reconciler.schema.json"
"""The file that the starter definition tells editors to look into."""

BOOT_FILE: Final = "buckets/demo/code/train.py"
"""Where the starter's code lives: the embedded platform's bucket `demo` is a folder here."""

IGNORES: Final[tuple[str, ...]] = (
    "/state/*.json",
    "/state/*.journal",
    "/state/*.lock",
    "/state/backups/",
    "/state/local/",
    "/buckets/demo/output/",
)
"""Lines for `.gitignore`: what commands write, as opposed to what people write."""


def definition(stack: str = "demo") -> str:
    """Return a definition that is valid as it is and runs on the embedded platform.

    `stack` must be a valid stack name.
    """
    return (
        _DEFINITION.replace("STACK", stack)
        .replace("SCHEMA_FILE", SCHEMA_FILE)
        .replace("BOOT_FILE", BOOT_FILE)
    )


def code() -> str:
    """Return a training program for the starter's job; it belongs into BOOT_FILE."""
    return _CODE


_DEFINITION = """\
# yaml-language-server: $schema=SCHEMA_FILE
# The line above gives editors completion and help for every key. It needs the schema as a file
# beside this one:  reconciler schema > SCHEMA_FILE

version: 1

# Names the state (state/STACK.json): what is planned and applied together.
stack: STACK

# `local` is the embedded platform: it runs the jobs on this machine, and costs nothing.
# For a real one, replace the line, and put the credentials into the environment (OS_USERNAME,
# OS_PASSWORD …) or into clouds.yaml. They never stand in a definition.
platform:
  endpoint: local
  # endpoint: https://modelarts.eu-de.otc.t-systems.com
  # auth_url: https://iam.eu-de.otc.t-systems.com/v3
  # region: eu-de
  # project: eu-de_ml

# Values that several places share; another value for one run: --var bucket=NAME
variables:
  bucket:
    default: demo
    description: bucket of code, data and models; for `local` it is the folder buckets/demo

# What every job inherits unless it says otherwise.
defaults:
  flavor: modelarts.vm.cpu.2u
  engine:
    name: PyTorch
    version: PyTorch-1.4.0-python3.6

# The training jobs that should exist. A job cannot be changed: any change but to its description
# replaces it, and `reconciler plan` shows that before it happens.
jobs:
  first-training:
    description: shows that everything works
    code_dir: /${var.bucket}/code/       # for `local`: the folder buckets/demo/code
    boot_file: train.py                  # BOOT_FILE
    # inputs:
    #   - /${var.bucket}/data/
    output: /${var.bucket}/output/
    parameters:                          # they reach the program exactly as written
      learning_rate: 1e-3
      epochs: 3
    # lifecycle:
    #   on_failure: retry
    #   max_attempts: 3
"""

_CODE = '''\
"""A training program that trains nothing: it shows what a job gets and where it writes."""

import argparse
import pathlib

parser = argparse.ArgumentParser()
parser.add_argument("--learning_rate", type=float, default=0.01)
parser.add_argument("--epochs", type=int, default=1)
parser.add_argument("--train_url", help="folder for the results")
arguments, _ = parser.parse_known_args()

loss = 1.0
for epoch in range(1, arguments.epochs + 1):
    loss *= 1 - arguments.learning_rate
    print(f"epoch {epoch}: loss {loss:.6f}", flush=True)

if arguments.train_url:
    folder = pathlib.Path(arguments.train_url)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.txt").write_text(f"loss {loss:.6f}\\n")
'''

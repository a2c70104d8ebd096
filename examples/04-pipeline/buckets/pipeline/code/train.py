"""Learn the mean image of each digit from prepared data."""

import argparse
import collections
import json
import shutil
from pathlib import Path


def main() -> None:
    """Read what `prepare` wrote; write the model, and beside it what it is to be measured with."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_url", type=Path, required=True)
    parser.add_argument("--train_url", type=Path, required=True)
    options, _ = parser.parse_known_args()

    images = collections.defaultdict(list)
    for line in (options.data_url / "training.csv").read_text().splitlines():
        *pixels, digit = line.split(",")
        images[digit].append(list(map(float, pixels)))
    model = {
        digit: [sum(pixels) / len(group) for pixels in zip(*group)]  # noqa: B905 - new in 3.10
        for digit, group in sorted(images.items())
    }
    (options.train_url / "model.json").write_text(json.dumps(model) + "\n")
    shutil.copy(str(options.data_url / "held_out.csv"), str(options.train_url))
    print(f"{len(model)} digits learned from {sum(map(len, images.values()))} images")


if __name__ == "__main__":
    main()

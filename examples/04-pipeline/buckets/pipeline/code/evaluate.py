"""Measure how many of the images that were held out a model recognises."""

import argparse
import json
from pathlib import Path


def distance(one: "list[float]", other: "list[float]") -> float:
    """Return the squared distance of two images."""
    return sum((a - b) ** 2 for a, b in zip(one, other))  # noqa: B905 - new in 3.10


def recognised(model: "dict[str, list[float]]", image: "list[float]") -> str:
    """Return the digit whose mean image is the most similar one."""
    return min(model, key=lambda digit: distance(model[digit], image))


def main() -> None:
    """Read what `train` wrote; write `report.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_url", type=Path, required=True)
    parser.add_argument("--train_url", type=Path, required=True)
    options, _ = parser.parse_known_args()

    model = json.loads((options.data_url / "model.json").read_text())
    hits, total = 0, 0
    for line in (options.data_url / "held_out.csv").read_text().splitlines():
        *pixels, digit = line.split(",")
        image = list(map(float, pixels))
        hits += recognised(model, image) == digit
        total += 1
    report = {"images": total, "accuracy": round(hits / total, 3)}
    (options.train_url / "report.json").write_text(json.dumps(report) + "\n")
    print(f"accuracy: {hits / total:.3f}")


if __name__ == "__main__":
    main()

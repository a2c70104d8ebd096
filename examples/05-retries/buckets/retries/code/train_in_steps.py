"""Train for a while, save, and be thrown off the machine; go on from there at the next attempt.

A perceptron learns to tell even from odd digits. Machines that are cheap because they may be taken
away at any time ("spot") treat trainings like this; here each attempt gives up by itself after
some epochs, unless it reaches the last one.
"""

import argparse
import json
from pathlib import Path


def read_digits(folder: Path) -> "list[tuple[list[float], int]]":
    """Return each image with a constant, and whether it shows an odd digit (1) or not (-1)."""
    digits = []
    for line in (folder / "digits.csv").read_text().splitlines():
        *pixels, digit = map(int, line.split(","))
        digits.append(([*(pixel / 16 for pixel in pixels), 1.0], 1 if digit % 2 else -1))
    return digits


def side(weights: "list[float]", image: "list[float]") -> int:
    """Return on which side of the border an image lies."""
    total = sum(weight * pixel for weight, pixel in zip(weights, image))  # noqa: B905 - new in 3.10
    return 1 if total > 0 else -1


def main() -> None:
    """Go on where the last attempt stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_url", type=Path, required=True)
    parser.add_argument("--train_url", type=Path, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--epochs_until_lost", type=int, required=True)
    options, _ = parser.parse_known_args()

    digits = read_digits(options.data_url)
    checkpoint = options.train_url / "checkpoint.json"
    saved = {"epoch": 0, "weights": [0.0] * len(digits[0][0])}
    if checkpoint.exists():
        saved = json.loads(checkpoint.read_text())
        print(f"going on after epoch {saved['epoch']}")
    weights = saved["weights"]
    for count, epoch in enumerate(range(saved["epoch"] + 1, options.epochs + 1)):
        if count == options.epochs_until_lost:
            raise SystemExit(f"the machine was taken away in epoch {epoch}")
        for image, odd in digits:
            if side(weights, image) != odd:
                weights = [w + odd * pixel for w, pixel in zip(weights, image)]  # noqa: B905
        checkpoint.write_text(json.dumps({"epoch": epoch, "weights": weights}) + "\n")
    hits = sum(side(weights, image) == odd for image, odd in digits)
    print(f"accuracy: {hits / len(digits):.3f}")


if __name__ == "__main__":
    main()

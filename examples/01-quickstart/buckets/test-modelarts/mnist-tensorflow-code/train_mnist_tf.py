"""Train a classifier of handwritten digits: softmax regression by gradient descent.

It needs nothing but the standard library (of Python 3.6 or later), and takes its settings as the
platform hands them over: `--data_url` and `--train_url` for the folders, one option for each
hyperparameter.
"""

import argparse
import json
import math
import operator
import random
from pathlib import Path

CLASSES = 10
HELD_OUT = 5  # one image in so many is kept from training, to measure the accuracy with


def read_digits(folder: Path) -> "list[tuple[list[float], int]]":
    """Return each image as 64 pixels (0 to 16) and a constant, with the digit that it shows."""
    digits = []
    for line in (folder / "digits.csv").read_text().splitlines():
        *pixels, digit = map(int, line.split(","))
        digits.append(([*map(float, pixels), 1.0], digit))
    return digits


def probabilities(weights: "list[list[float]]", image: "list[float]") -> "list[float]":
    """Return how likely the image is to show each digit."""
    scores = [sum(map(operator.mul, row, image)) for row in weights]
    highest = max(scores)
    powers = [math.exp(score - highest) for score in scores]
    total = sum(powers)
    return [power / total for power in powers]


def train_batch(
    weights: "list[list[float]]", batch: "list[tuple[list[float], int]]", rate: float
) -> float:
    """Move the weights one step down the gradient; return the sum of the images' losses."""
    loss = 0.0
    steps = [[0.0] * len(weights[0]) for _ in weights]
    for image, digit in batch:
        found = probabilities(weights, image)
        loss -= math.log(max(found[digit], 1e-12))
        for label, probability in enumerate(found):
            error = probability - (label == digit)
            steps[label] = plus(steps[label], error, image)
    for label, step in enumerate(steps):
        weights[label] = plus(weights[label], -rate / len(batch), step)
    return loss


def plus(vector: "list[float]", factor: float, other: "list[float]") -> "list[float]":
    """Return `vector + factor * other`."""
    return [mine + factor * theirs for mine, theirs in zip(vector, other)]  # noqa: B905 - new in 3.10


def accuracy(weights: "list[list[float]]", digits: "list[tuple[list[float], int]]") -> float:
    """Return the share of the images that are recognised."""
    hits = 0
    for image, digit in digits:
        found = probabilities(weights, image)
        hits += found.index(max(found)) == digit
    return hits / len(digits)


def main() -> None:
    """Train as the options say, print the progress, and write the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_url", type=Path, required=True)
    parser.add_argument("--train_url", type=Path, required=True)
    parser.add_argument("--learning_rate", type=float, default=1e-3)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch_size", type=int, default=32)
    options, _ = parser.parse_known_args()

    digits = read_digits(options.data_url)
    test = digits[::HELD_OUT]
    training = [digit for number, digit in enumerate(digits) if number % HELD_OUT]
    print(f"{len(training)} images to learn from, {len(test)} held out")
    weights = [[0.0] * len(training[0][0]) for _ in range(CLASSES)]
    order = random.Random(20)
    for epoch in range(1, options.epochs + 1):
        order.shuffle(training)
        starts = range(0, len(training), options.batch_size)
        batches = [training[start : start + options.batch_size] for start in starts]
        loss = sum(train_batch(weights, batch, options.learning_rate) for batch in batches)
        progress = f"loss {loss / len(training):.4f}, accuracy {accuracy(weights, test):.3f}"
        print(f"epoch {epoch}/{options.epochs}: {progress}")

    options.train_url.mkdir(parents=True, exist_ok=True)
    model = {"accuracy": round(accuracy(weights, test), 3), "weights": weights}
    (options.train_url / "model.json").write_text(json.dumps(model) + "\n")
    print(f"accuracy: {model['accuracy']:.3f}")


if __name__ == "__main__":
    main()

"""Train a classifier of handwritten digits: one hidden layer, by gradient descent.

It needs nothing but the standard library (of Python 3.6 or later). What differs from run to run of
a sweep comes in as options, and what came out is printed as `name: number`, one result a line.
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
    """Return each image as 64 pixels (0 to 1) and a constant, with the digit that it shows."""
    digits = []
    for line in (folder / "digits.csv").read_text().splitlines():
        *pixels, digit = map(int, line.split(","))
        digits.append(([*(pixel / 16 for pixel in pixels), 1.0], digit))
    return digits


def dot(one: "list[float]", other: "list[float]") -> float:
    """Return the scalar product."""
    return sum(map(operator.mul, one, other))


class Network:
    """64 pixels, a hidden layer, ten digits."""

    def __init__(self, pixels: int, hidden: int, chance: random.Random) -> None:
        """Begin with small random weights."""
        self.inner = [[chance.gauss(0, 0.2) for _ in range(pixels)] for _ in range(hidden)]
        self.outer = [[chance.gauss(0, 0.2) for _ in range(hidden + 1)] for _ in range(CLASSES)]

    def look(self, image: "list[float]") -> "tuple[list[float], list[float]]":
        """Return what the hidden layer says, and how likely the image shows each digit."""
        hidden = [*(math.tanh(dot(row, image)) for row in self.inner), 1.0]
        scores = [dot(row, hidden) for row in self.outer]
        highest = max(scores)
        powers = [math.exp(score - highest) for score in scores]
        total = sum(powers)
        return hidden, [power / total for power in powers]

    def learn(self, image: "list[float]", digit: int, rate: float) -> float:
        """Move the weights one step down the gradient of one image; return its loss."""
        hidden, found = self.look(image)
        errors = [found[label] - (label == digit) for label in range(CLASSES)]
        for unit, row in enumerate(self.inner):
            back = sum(errors[label] * self.outer[label][unit] for label in range(CLASSES))
            slope = rate * back * (1 - hidden[unit] ** 2)
            self.inner[unit] = [weight - slope * pixel for weight, pixel in zip(row, image)]  # noqa: B905
        for label, row in enumerate(self.outer):
            step = rate * errors[label]
            self.outer[label] = [weight - step * unit for weight, unit in zip(row, hidden)]  # noqa: B905
        return -math.log(max(found[digit], 1e-12))


def accuracy(network: Network, digits: "list[tuple[list[float], int]]") -> float:
    """Return the share of the images that are recognised."""
    hits = 0
    for image, digit in digits:
        _, found = network.look(image)
        hits += found.index(max(found)) == digit
    return hits / len(digits)


def main() -> None:
    """Train as the options say, print the progress and the results, and write the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_url", type=Path, required=True)
    parser.add_argument("--train_url", type=Path, required=True)
    parser.add_argument("--learning_rate", type=float, required=True)
    parser.add_argument("--hidden", type=int, required=True)
    parser.add_argument("--epochs", type=int, default=6)
    options, _ = parser.parse_known_args()

    digits = read_digits(options.data_url)
    test = digits[::HELD_OUT]
    training = [digit for number, digit in enumerate(digits) if number % HELD_OUT]
    chance = random.Random(8)
    network = Network(len(training[0][0]), options.hidden, chance)
    loss = 0.0
    for epoch in range(1, options.epochs + 1):
        chance.shuffle(training)
        losses = [network.learn(image, digit, options.learning_rate) for image, digit in training]
        loss = sum(losses) / len(losses)
        print(f"epoch {epoch}/{options.epochs}: loss {loss:.4f}")

    model = {"inner": network.inner, "outer": network.outer}
    (options.train_url / "model.json").write_text(json.dumps(model) + "\n")
    print(f"loss: {loss:.4f}")
    print(f"accuracy: {accuracy(network, test):.3f}")


if __name__ == "__main__":
    main()

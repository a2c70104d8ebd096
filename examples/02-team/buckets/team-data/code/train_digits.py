"""Tell handwritten digits apart by similarity: to each digit's mean image, or to single images."""

import argparse
import collections
import json
from pathlib import Path

HELD_OUT = 5  # one image in so many is kept from training, to measure the accuracy with


def read_digits(folder: Path, limit: int) -> "list[tuple[list[int], int]]":
    """Return the first images of the file as 64 pixels each, with the digit that it shows."""
    rows = (folder / "digits.csv").read_text().splitlines()[:limit]
    numbers = [[int(field) for field in row.split(",")] for row in rows]
    return [(row[:-1], row[-1]) for row in numbers]


def centroids(digits: "list[tuple[list[int], int]]") -> "list[tuple[list[float], int]]":
    """Return the mean image of each digit."""
    images = collections.defaultdict(list)
    for image, digit in digits:
        images[digit].append(image)
    return [
        ([sum(pixels) / len(group) for pixels in zip(*group)], digit)  # noqa: B905 - new in 3.10
        for digit, group in sorted(images.items())
    ]


def recognise(model: "list[tuple[list[float], int]]", image: "list[int]", k: int) -> int:
    """Return the digit that most of the `k` most similar images show."""
    nearest = sorted((distance(known, image), digit) for known, digit in model)[:k]
    return collections.Counter(digit for _, digit in nearest).most_common(1)[0][0]


def distance(one: "list[float]", other: "list[int]") -> float:
    """Return the squared distance of two images."""
    return sum((a - b) ** 2 for a, b in zip(one, other))  # noqa: B905 - new in 3.10


def main() -> None:
    """Train as the options say, and write the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_url", type=Path, required=True)
    parser.add_argument("--train_url", type=Path, required=True)
    parser.add_argument("--method", choices=["centroids", "neighbours"], required=True)
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--k", type=int, default=1)
    options, _ = parser.parse_known_args()

    digits = read_digits(options.data_url, options.images)
    test = digits[::HELD_OUT]
    training = [digit for number, digit in enumerate(digits) if number % HELD_OUT]
    print(f"{options.method}: {len(training)} images to learn from, {len(test)} held out")
    if options.method == "centroids":
        model = centroids(training)
    else:
        model = [([float(pixel) for pixel in image], digit) for image, digit in training]
    hits = sum(recognise(model, image, options.k) == digit for image, digit in test)
    (options.train_url / "model.json").write_text(json.dumps(model) + "\n")
    print(f"accuracy: {hits / len(test):.3f}")


if __name__ == "__main__":
    main()

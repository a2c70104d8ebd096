"""Fit a polynomial to points of a parabola by least squares, and write its coefficients."""

import argparse
import json
from pathlib import Path

POINTS = [(x / 10, 3 - x / 10 + 2 * (x / 10) ** 2) for x in range(-10, 11)]


def solved(rows: "list[list[float]]") -> "list[float]":
    """Return the solution of linear equations, each a row with its right side at the end."""
    size = len(rows)
    for at in range(size):
        pivot = max(range(at, size), key=lambda row: abs(rows[row][at]))
        rows[at], rows[pivot] = rows[pivot], rows[at]
        rows[at] = [value / rows[at][at] for value in rows[at]]
        for other in (row for row in range(size) if row != at):
            factor = rows[other][at]
            rows[other] = [a - factor * b for a, b in zip(rows[other], rows[at])]  # noqa: B905
    return [row[-1] for row in rows]


def fitted(degree: int) -> "list[float]":
    """Return the coefficients of the polynomial with the least squared error."""
    powers = range(degree + 1)
    rows = []
    for i in powers:
        sums = [sum(x ** (i + j) for x, _ in POINTS) for j in powers]
        rows.append([*sums, sum(y * x**i for x, y in POINTS)])
    return solved(rows)


def main() -> None:
    """Read the job's arguments, fit, and leave the coefficients in the output folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--train_url", type=Path, required=True)
    parser.add_argument("--degree", type=int, default=1)
    options, _ = parser.parse_known_args()
    coefficients = fitted(options.degree)
    errors = [y - sum(c * x**i for i, c in enumerate(coefficients)) for x, y in POINTS]
    (options.train_url / "model.json").write_text(json.dumps(coefficients))
    print(f"error: {sum(each * each for each in errors) / len(errors):.4f}")


main()

"""Split handwritten digits into those to learn from and those to measure with, and scale them."""

import argparse
from pathlib import Path

HELD_OUT = 5  # one image in so many is kept from training


def scaled(line: str) -> str:
    """Return a row with its pixels from 0 to 1 instead of 0 to 16."""
    *pixels, digit = line.split(",")
    return ",".join([*(format(int(pixel) / 16, "g") for pixel in pixels), digit])


def main() -> None:
    """Read the raw data, write `training.csv` and `held_out.csv`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_url", type=Path, required=True)
    parser.add_argument("--train_url", type=Path, required=True)
    options, _ = parser.parse_known_args()

    rows = list(map(scaled, (options.data_url / "digits.csv").read_text().splitlines()))
    parts = {
        "training.csv": [row for number, row in enumerate(rows) if number % HELD_OUT],
        "held_out.csv": rows[::HELD_OUT],
    }
    for name, part in parts.items():
        (options.train_url / name).write_text("\n".join(part) + "\n")
        print(f"{name}: {len(part)} images")


if __name__ == "__main__":
    main()

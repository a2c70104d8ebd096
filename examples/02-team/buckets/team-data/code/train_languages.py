"""Tell the language of a sentence: naive Bayes over the runs of characters in it."""

import argparse
import collections
import csv
import json
import math
from pathlib import Path

HELD_OUT = 4  # one sentence in so many of each language is kept from training


def runs(text: str, length: int) -> "list[str]":
    """Return all runs of so many characters in a text."""
    padded = f" {text.lower()} "
    return [padded[start : start + length] for start in range(len(padded) - length + 1)]


def read_sentences(folder: Path) -> "dict[str, list[str]]":
    """Return the sentences of each language."""
    sentences = collections.defaultdict(list)
    with (folder / "sentences.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            sentences[row["language"]].append(row["sentence"])
    return dict(sentences)


def learn(sentences: "list[str]", length: int, smoothing: float) -> "dict[str, float]":
    """Return the logarithm of each run's probability; that of an unknown run is under `""`."""
    counts = collections.Counter(run for sentence in sentences for run in runs(sentence, length))
    total = sum(counts.values()) + smoothing * (len(counts) + 1)
    model = {run: math.log((count + smoothing) / total) for run, count in counts.items()}
    model[""] = math.log(smoothing / total)
    return model


def guess(models: "dict[str, dict[str, float]]", sentence: str, length: int) -> str:
    """Return the language that makes a sentence most likely."""
    found = runs(sentence, length)
    scores = {
        language: sum(model.get(run, model[""]) for run in found)
        for language, model in models.items()
    }
    return max(scores, key=lambda language: scores[language])


def main() -> None:
    """Train as the options say, and write the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_url", type=Path, required=True)
    parser.add_argument("--train_url", type=Path, required=True)
    parser.add_argument("--ngram", type=int, default=3)
    parser.add_argument("--smoothing", type=float, default=0.1)
    options, _ = parser.parse_known_args()

    models, test = {}, []
    for language, sentences in sorted(read_sentences(options.data_url).items()):
        training = [each for number, each in enumerate(sentences) if number % HELD_OUT]
        test += [(each, language) for each in sentences[::HELD_OUT]]
        models[language] = learn(training, options.ngram, options.smoothing)
        print(f"{language}: {len(training)} sentences, {len(models[language]) - 1} runs")
    hits = sum(guess(models, sentence, options.ngram) == language for sentence, language in test)
    (options.train_url / "model.json").write_text(json.dumps(models) + "\n")
    print(f"accuracy: {hits / len(test):.3f}")


if __name__ == "__main__":
    main()

"""What the reliability suites counted, for the table at the end of the run."""

from dataclasses import dataclass, field

COLUMNS = ("cases", "duplicates", "orphans", "lost", "unapproved", "tracebacks", "hangs")


@dataclass
class Figures:
    """Counts by suite; every column but `cases` must stay 0."""

    rows: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, suite: str, *, cases: int = 0, **wrong: int) -> None:
        """Count cases, and what went wrong in them (`duplicates`, `orphans`, `lost` …)."""
        unknown = wrong.keys() - set(COLUMNS)
        assert not unknown, unknown
        row = self.rows.setdefault(suite, dict.fromkeys(COLUMNS, 0))
        row["cases"] += cases
        for column, count in wrong.items():
            row[column] += count

    def lines(self) -> list[str]:
        """Return the table, one line per suite."""
        width = max(map(len, self.rows), default=0)
        head = f"{'suite':{width}}  " + "  ".join(f"{column:>10}" for column in COLUMNS)
        return [
            head,
            *(
                f"{suite:{width}}  " + "  ".join(f"{row[column]:>10}" for column in COLUMNS)
                for suite, row in self.rows.items()
            ),
        ]


FIGURES = Figures()

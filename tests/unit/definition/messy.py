"""Definitions as nobody should write them: valid, commented everywhere, laid out at random."""

from random import Random
from typing import Any

from reconciler.definition import reader
from reconciler.definition.problems import Problems
from reconciler.definition.schema import JOB
from reconciler.definition.tree import ListNode, MappingNode, Value

WORDS = [
    *("1e-3", "0.10", "no", "007", "true", "0x1f", "1:30", "2024-01-01", "~", "null", "", "on"),
    *("a b", "http://x:1/y", "/${var.b}/x/", "${env.X}", "é ü", "😀", "x#y", "it's", "a - b"),
    *("-1", "--x", "-", "- x", "---", "...", "... ", "?", "? x", "x ?y", ":", ":x", "x:", "a: b"),
    *("#x", "a #b", "[a", "a]", "{b}", "a,b", "'q'", '"d"', "\\n", "a\\", "x ", " x", "a\tb"),
    *("!t", "&a", "*b", "|", ">", "%x", "@", "`", "=", "<<", "a: [", "$", "${", "a  b"),
]


def read(text: str) -> tuple[Any, list[str]]:
    """Return what the reader sees, and its problems."""
    problems, data = Problems(), text.encode()
    tree = reader.read(data, problems.add_file("jobs.yaml", data), problems)
    return plain(tree), [str(each) for each in problems.sorted()]


def plain(value: Value) -> Any:
    match value:
        case MappingNode():
            return {key: plain(each) for key, each in value.values.items()}
        case ListNode():
            return [plain(each) for each in value.values]
    return value


BLOCK_WORDS = [
    word for word in WORDS if "\t" not in word and read(f"k: {word}\n") == ({"k": word}, [])
]
FLOW_WORDS = [word for word in BLOCK_WORDS if read(f"k: [{word}, x]\n") == ({"k": [word, "x"]}, [])]


class Messy:
    """Writes one document, the same for the same seed; each comment has a number of its own."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.comments: list[str] = []

    def document(self) -> str:
        lines = [self.comment(), ""] if self.chance(0.2) else []
        for key in self.some(["stack", "version", "jobs", "defaults", "platform", "other", "cost"]):
            lines += self.noise(0)
            if key == "jobs":
                lines.append(f"{self.key(key)}:{self.aside()}")
                self.jobs(lines)
            else:
                self.value(lines, f"{self.key(key)}:", 0, 2)
        lines += self.noise(self.random.randint(0, 4))
        return self.random.choice(["\n", "\n", "\r\n"]).join(lines) + self.pick("", "\n", "\n\n\n")

    def jobs(self, lines: list[str]) -> None:
        column = self.random.randint(1, 4)
        for name in self.some(["b", "a", "c"]):
            lines += self.noise(column)
            lines.append(f"{' ' * column}{self.key(name)}:{self.aside()}")
            inner = column + self.random.randint(1, 4)
            self.mapping(lines, inner, 2, self.some([*JOB.fields])[:5])

    def mapping(self, lines: list[str], column: int, depth: int, keys: list[str]) -> None:
        for key in keys:
            lines += self.noise(column)
            written = " " * column + self.key(key) + self.pick("", "", " ")
            self.value(lines, written + ":", column, depth)

    def sequence(self, lines: list[str], column: int, depth: int) -> None:
        for _ in range(self.random.randint(1, 3)):
            lines += self.noise(column)
            dash = " " * column + "-"
            if not depth or self.chance(0.5):
                self.value(lines, dash, column, depth if self.chance(0.3) else 0)
                continue
            block: list[str] = []
            self.mapping(block, column + self.random.randint(2, 4), depth - 1, self.keys())
            if block[0].strip() and not block[0].lstrip().startswith("#"):
                block[0] = dash + block[0][column + 1 :]
            else:
                lines.append(dash + self.aside())
            lines += block

    def value(self, lines: list[str], prefix: str, column: int, depth: int) -> None:
        """Add what stands behind a key or a dash, on its line or indented below."""
        kind = self.random.random() if depth else self.random.uniform(0.5, 1)
        if kind < 0.3:
            lines.append(prefix + self.aside())
            self.mapping(lines, column + self.random.randint(1, 5), depth - 1, self.keys())
        elif kind < 0.5:
            lines.append(prefix + self.aside())
            self.sequence(lines, column + self.random.randint(1, 4), depth - 1)
        elif kind < 0.6:
            brackets = self.flow(2, column, is_broken=self.chance(0.5))
            lines += f"{prefix} {brackets}{self.aside()}".split("\n")
        elif kind < 0.75:
            self.long(lines, prefix, column)
        else:
            lines.append(f"{prefix} {self.word(BLOCK_WORDS)}{self.aside()}")

    def long(self, lines: list[str], prefix: str, column: int) -> None:
        """Add a text over several lines, in one of the ways that YAML has."""
        inner = " " * (column + self.random.randint(1, 4))
        style = self.pick("|", ">", "plain", '"')
        if style == "plain":
            rest = [self.pick(f"{inner}more", f"{inner} [x] y", "") for _ in range(3)]
            lines += [f"{prefix} multi line", *rest, f"{inner}end{self.aside()}"]
        elif style == '"':
            lines += [f'{prefix} "multi', self.pick("", inner), f"{inner}quoted \\"]
            lines.append(f'{inner}  end"{self.aside()}')
        else:
            body = ["first", "# no comment", "a: b", "  more", "", "trail  ", "${var.x}", "   "]
            count = self.random.randint(1, 5)
            chosen = ["first", *(self.random.choice(body) for _ in range(count))]
            lines.append(f"{prefix} {style}{self.pick('', '-', '+')}{self.aside()}")
            lines += [inner + line if line else "" for line in chosen]

    def flow(self, depth: int, column: int, *, is_broken: bool) -> str:
        if not depth or self.chance(0.3):
            return self.word(FLOW_WORDS)
        is_mapping = self.chance(0.5)
        items = []
        for number in range(self.random.randint(0, 3)):
            key = f"{self.key(f'k{number}')}: " if is_mapping else ""
            item = key + self.flow(depth - 1, column, is_broken=is_broken)
            before, behind = self.gap(column, is_broken), self.gap(column, is_broken)
            items.append(before + item + behind)
        end = "," + self.gap(column, is_broken) if items and self.chance(0.2) else ""
        body = ",".join(items) + end
        return f"{{{body}}}" if is_mapping else f"[{body}]"

    def gap(self, column: int, is_broken: bool) -> str:
        if not is_broken or self.chance(0.5):
            return self.pick("", " ", "\t")
        comment = f" {self.comment()}" if self.chance(0.4) else ""
        return f"{comment}\n{' ' * (column + self.random.randint(1, 6))}"

    def word(self, unquoted: list[str]) -> str:
        word = self.random.choice(WORDS)
        if word in unquoted and self.chance(0.5):
            return word
        if self.chance(0.5):
            return "'" + word.replace("'", "''") + "'"
        escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
        return f'"{escaped}"'

    def noise(self, column: int) -> list[str]:
        """Return blank lines and comments, indented this way and that."""
        lines = []
        while self.chance(0.3):
            indent = " " * max(0, column + self.random.randint(-3, 5))
            lines.append(self.pick("", "   ") if self.chance(0.6) else indent + self.comment())
        return lines

    def aside(self) -> str:
        if self.chance(0.2):
            return self.pick(" ", "   ") + self.comment()
        return self.pick("", "", "  ")

    def comment(self) -> str:
        words = self.pick("", " x: y", " # - ${a.b}")
        text = f"#{self.pick(' ', '', '  ')}c{len(self.comments)}.{words}"
        self.comments.append(text)
        return text

    def key(self, name: str) -> str:
        return self.pick(name, name, f'"{name}"', f"'{name}'")

    def keys(self) -> list[str]:
        return [f"k{number}" for number in range(self.random.randint(1, 3))]

    def some(self, things: list[str]) -> list[str]:
        return self.random.sample(things, self.random.randint(1, len(things)))

    def pick(self, *choices: str) -> str:
        return self.random.choice(choices)

    def chance(self, likelihood: float) -> bool:
        return self.random.random() < likelihood

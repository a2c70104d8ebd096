"""Results in logs: which lines tell one, and how jobs are put in order by it."""

import pytest

from reconciler.planning.metrics import by_metric, find_metrics, metric_names
from tests.build import a_status_row

LOG = """\
epoch 1/2: loss 1.25, accuracy 0.800
loss: 0.5
epoch 2/2: loss 0.18, accuracy 0.950
accuracy: 0.950
best=1e-3
took 12 seconds
learning rate: 0.1
[ModelArts Service Log]Training completed.
"""


@pytest.mark.parametrize(
    ("log", "names", "found"),
    [
        pytest.param(
            LOG, [], {"loss": "0.5", "accuracy": "0.950", "best": "1e-3"}, id="whole lines"
        ),
        pytest.param(LOG, ["loss"], {"loss": "0.18"}, id="anywhere, the last one"),
        pytest.param(LOG, ["accuracy", "f1"], {"accuracy": "0.950"}, id="one is not told"),
        pytest.param(
            "val_loss: 1\nloss: 2\nloss_x: 3\n", ["loss"], {"loss": "2"}, id="whole names"
        ),
        pytest.param("loss 3.5.1\nloss 3a\n", ["loss"], {}, id="no number"),
        pytest.param("acc.: 1\n", ["acc."], {"acc.": "1"}, id="no pattern"),
        pytest.param(
            "loss: nan\nacc: -.5\nacc: 92 %\n", [], {"loss": "nan", "acc": "92"}, id="odd"
        ),
        pytest.param("", ["loss"], {}, id="nothing"),
        pytest.param("loss:\n3\n", [], {}, id="over two lines"),
    ],
)
def test_find_metrics(log: str, names: list[str], found: dict[str, str]) -> None:
    assert find_metrics(log, names) == found


@pytest.mark.parametrize(("order", "names"), [("acc", "bcad"), ("-acc", "acbd"), ("other", "abcd")])
def test_by_metric(order: str, names: str) -> None:
    values = {"a": "0.1", "b": "1e1", "c": "2", "d": "nan"}
    rows = [a_status_row(name, metrics={"acc": text}) for name, text in values.items()]

    assert "".join(row.address for row in by_metric(rows, order)) == names


def test_metrics_are_shown_in_the_order_in_which_they_were_asked_for_or_found() -> None:
    rows = [a_status_row("a", metrics={"x": "1"}), a_status_row("b", metrics={"y": "1", "x": "2"})]

    assert metric_names(rows) == ("x", "y")
    assert metric_names(rows, ["y"]) == ("y",)

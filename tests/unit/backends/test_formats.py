"""States as earlier releases wrote them must load for ever."""

import json
import shutil
from pathlib import Path

import pytest

from reconciler.backends import codec
from reconciler.backends.local import LocalBackend
from reconciler.model.state import Entry

FORMATS = Path(__file__).parents[2] / "formats"
VERSIONS = sorted(FORMATS.glob("state-*"))


@pytest.mark.parametrize("version", VERSIONS, ids=lambda path: path.name)
def test_a_state_of_an_earlier_release_loads(tmp_path, version):
    for name in ("vision.json", "vision.journal"):
        shutil.copy(version / name, tmp_path)

    state = LocalBackend(tmp_path, "vision").read()

    assert state is not None
    pulled = json.loads(codec.encode_pull(state))
    expected = json.loads((version / "pulled.json").read_text())
    assert pulled | {"format_version": ""} == expected | {"format_version": ""}
    assert state.salt == "5a" * 16


def test_the_kept_journal_has_an_entry_of_every_kind():
    lines = (FORMATS / "state-1.0" / "vision.journal").read_text().splitlines()
    kinds = {json.loads(line)["entry"]["entry"] for line in lines[1:]}

    union = Entry.__origin__.__args__
    assert kinds == {each.model_fields["entry"].default for each in union} - {"bound"}


def test_the_present_form_is_the_one_that_is_kept(tmp_path):
    """A change of the written form, however small, needs a new format version."""
    data = (FORMATS / "state-1.0" / "vision.json").read_bytes()

    assert codec.encode(codec.decode(data, "vision.json")) == data

"""Addresses and the globs that choose them."""

import pytest

from reconciler.model.address import (
    JOB_NAME,
    Address,
    is_aside,
    kept_aside,
    matches,
    owner_of,
    selects,
    sweep_of_all,
    sweep_values,
)

SWEPT = "resnet[batch_size=32,lr=0.1]"


@pytest.mark.parametrize(
    ("glob", "address", "expected"),
    [
        pytest.param("resnet", "resnet", True, id="itself"),
        pytest.param("resnet", "resnet2", False, id="no mere beginning"),
        pytest.param("esnet", "resnet", False, id="no mere end"),
        pytest.param("Resnet", "resnet", False, id="capitals count"),
        pytest.param("*", SWEPT, True, id="everything"),
        pytest.param("*", "", True, id="a star is also nothing"),
        pytest.param("?", "", False, id="a question mark is something"),
        pytest.param("resnet[*]", SWEPT, True, id="a whole sweep"),
        pytest.param("resnet[*]", "resnet", False, id="a sweep is not its job's name"),
        pytest.param("resnet[*lr=0.1]", SWEPT, True, id="one value of a sweep"),
        pytest.param("resnet[*lr=0.?]", SWEPT, True, id="one digit"),
        pytest.param("resnet[lr]", "resnetl", False, id="brackets are no character class"),
        pytest.param("resnet[!a]", "resnetb", False, id="nor a negated one"),
        pytest.param("a.c", "abc", False, id="a dot is a dot"),
        pytest.param("a+(b|c)$", "a+(b|c)$", True, id="signs stand for themselves"),
        pytest.param("a*c", "a\nc", True, id="a star spans lines"),
        pytest.param("re*n*t", "resnet", True, id="several stars"),
    ],
)
def test_matches(glob: str, address: str, expected: bool) -> None:
    assert matches(address, [glob]) is expected


def test_one_fitting_glob_is_enough_and_none_is_not() -> None:
    assert matches("b", ["a", "b"])
    assert not matches("b", [])


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        ("a", True),
        ("Aa0_-", True),
        ("a" * 64, True),
        ("a" * 65, False),
        ("", False),
        ("a.b", False),
        ("a b", False),
        ("ä", False),
        ("a\n", False),
    ],
)
def test_a_job_name_is_what_the_platform_accepts(name: str, accepted: bool) -> None:
    assert bool(JOB_NAME.fullmatch(name)) is accepted


@pytest.mark.parametrize(
    ("address", "owner"),
    [
        ("train@567524", "train"),
        ("resnet[lr=0.1]@567524", "resnet[lr=0.1]"),
        ("resnet[mail=a@b]", "resnet[mail=a@b]"),
        ("resnet[mail=a@b]@1", "resnet[mail=a@b]"),
        ("train", "train"),
        ("@1", "@1"),
    ],
)
def test_the_owner_of_a_superseded_job(address: str, owner: str) -> None:
    assert owner_of(Address(address)) == owner
    assert is_aside(Address(address)) is (address != owner)


def test_a_superseded_job_has_its_owners_address_and_its_own_id() -> None:
    first = kept_aside(Address("train"), "1")
    assert first == "train@1"
    assert kept_aside(first, "2") == "train@2"


@pytest.mark.parametrize(
    ("glob", "address", "expected"),
    [
        ("resnet", "resnet[lr=0.1]", True),
        ("resnet", "resnet[lr=0.1]@7", True),
        ("resnet[*]", "resnet[lr=0.1]", True),
        ("resnet[*]", "resnet", False),
        ("train", "train@7", True),
        ("train@7", "train", False),
        ("res", "resnet[lr=0.1]", False),
    ],
)
def test_a_key_selects_its_sweep_and_what_was_superseded(
    glob: str, address: str, expected: bool
) -> None:
    assert selects((glob,), Address(address)) is expected


@pytest.mark.parametrize(
    ("address", "values"),
    [
        ("a", {}),
        ("a[lr=0.1]", {"lr": "0.1"}),
        ("a[b=1,lr=x%2Cy]", {"b": "1", "lr": "x,y"}),
        ("a[b=1=2]", {"b": "1=2"}),
        ("a[odd]", {}),
    ],
)
def test_the_values_of_a_sweeps_job(address: str, values: dict[str, str]) -> None:
    assert sweep_values(Address(address)) == values


@pytest.mark.parametrize(
    ("addresses", "key"),
    [
        (["s[x=1]", "s[x=2]"], "s"),
        (["s[x=1]", "t[x=1]"], None),
        (["s[x=1]", "s"], None),
        (["s[odd]"], None),
        ([], None),
    ],
)
def test_the_one_sweep_of_all(addresses: list[str], key: str | None) -> None:
    assert sweep_of_all(map(Address, addresses)) == key

"""Secrets: sealed wherever they are kept, compared or shown, revealed only where they are sent.

A definition names the environment variable of a secret; specs hold its name and a keyed hash of its
value. One vault, made for one state, turns values into hashes and finds them again.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from reconciler.errors import ProviderError, SecretError
from reconciler.model.marks import any_mark, family
from reconciler.model.spec import JobSpec, Secret

SECTIONS: Final = ("parameters", "environment")
"""The fields of a spec whose values may be secrets."""

Place = tuple[str, str]
"""Where a secret stands in a spec: section and key."""


def secrets_of(spec: JobSpec) -> dict[Place, Secret]:
    """Return the secrets of a spec by their places."""
    return {
        (section, key): value
        for section in SECTIONS
        for key, value in getattr(spec, section).items()
        if type(value) is Secret
    }


def plain_texts(values: Mapping[str, str | Secret]) -> dict[str, str]:
    """Return values that are to be sent; `SecretError` for one that was not revealed."""
    texts: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, Secret):
            raise SecretError("Secret was not revealed", f"{key} ({value.secret}) is still sealed.")
        texts[key] = value
    return texts


@dataclass(frozen=True, slots=True)
class Vault:
    """Seals and reveals the secrets of one state.

    `salt` keys the hashes, `environment` holds the values by variable, `places` says which fields
    of the jobs of a name are secret, so that whatever the platform echoes there is sealed at once,
    an older value included; likewise of the jobs that are kept beside one of that name. Without
    salt and environment it reveals nothing.
    """

    salt: str = field(default="", repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    places: Mapping[str, Mapping[Place, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, specs: Iterable[JobSpec], salt: str, environment: Mapping[str, str]) -> "Vault":
        """Make the vault that knows the secrets of these specs."""
        places: dict[str, dict[Place, str]] = {}
        for spec in specs:
            if found := secrets_of(spec):
                for name in (spec.name, any_mark(spec.name)):
                    known = places.setdefault(name, {})
                    known |= {place: secret.secret for place, secret in found.items()}
        return cls(salt, environment, places)

    def hash(self, value: str) -> str:
        """Return the keyed hash of a value: HMAC-SHA256 in hex."""
        data = value.encode(errors="surrogateescape")
        return hmac.new(self.salt.encode(), data, hashlib.sha256).hexdigest()

    def seal(self, spec: JobSpec) -> JobSpec:
        """Return the spec with the hashes of its secrets, as far as the environment has them.

        A hash that is there stays.
        """
        return _with(
            spec,
            {
                place: secret.model_copy(update={"hmac": self.hash(value)})
                for place, secret in secrets_of(spec).items()
                if secret.hmac is None
                and (value := self.environment.get(secret.secret)) is not None
            },
        )

    def hide(self, spec: JobSpec, like: JobSpec | None = None) -> JobSpec:
        """Return the spec with its plain values sealed where jobs of its name have secrets.

        With `like`, also where that spec has secrets.
        """
        places = dict(self.places.get(spec.name) or self.places.get(family(spec.name) or "") or {})
        if like is not None:
            places |= {place: secret.secret for place, secret in secrets_of(like).items()}
        sealed: dict[Place, str | Secret] = {}
        for (section, key), name in places.items():
            value = getattr(spec, section).get(key)
            if isinstance(value, str):
                sealed[section, key] = Secret(secret=name, hmac=self.hash(value))
        return _with(spec, sealed)

    def reveal(self, spec: JobSpec) -> JobSpec:
        """Return the spec with the values in it; to be sent, and never kept.

        Raises `SecretError` for a variable that is not set, or holds another value than was
        planned with.
        """
        plain: dict[Place, str | Secret] = {}
        for place, secret in secrets_of(spec).items():
            value = self.environment.get(secret.secret)
            if value is None:
                raise SecretError(
                    "Secret is not set",
                    f"{'.'.join(place)} is read from the environment variable {secret.secret}, "
                    "which is not set.",
                    f"Set it before you run the command (export {secret.secret}=…).",
                )
            if secret.hmac not in (None, self.hash(value)):
                raise SecretError(
                    "Secret has changed",
                    f"{'.'.join(place)} is read from the environment variable {secret.secret}, "
                    "whose value is not the one that was planned with.",
                    "Make a new plan.",
                )
            plain[place] = value
        return _with(spec, plain)

    @contextmanager
    def kept_out_of_errors(self, spec: JobSpec) -> Iterator[None]:
        """Take the values of the spec's secrets out of a failure: the platform may quote them.

        Other words for the same value, such as an encoded one, are not found.
        """
        try:
            yield
        except ProviderError as failure:
            if not secrets_of(spec):
                raise
            raise self._redacted(failure, spec) from None  # a cause may quote them, too

    def _redacted(self, failure: ProviderError, spec: JobSpec) -> ProviderError:
        for secret in secrets_of(spec).values():
            if value := self.environment.get(secret.secret):
                shown = f"(secret {secret.secret})"
                failure.summary = failure.summary.replace(value, shown)
                failure.detail = failure.detail.replace(value, shown)
                failure.hint = failure.hint.replace(value, shown)
        failure.args = (failure.summary,)
        return failure


def is_sealed(value: Any) -> bool:
    """Tell whether a plain value of a canonical spec is a secret."""
    return isinstance(value, Mapping) and "secret" in value and value.keys() <= {"secret", "hmac"}


def shown(value: Any) -> str:
    """Return a plain value for a message; of a secret only its name."""
    return f"(secret {value['secret']})" if is_sealed(value) else repr(value)


def without_hashes(value: Any) -> Any:
    """Return a plain value whose secrets have no hashes, for a plan that precedes its salt."""
    if is_sealed(value):
        return {"secret": value["secret"]}
    if isinstance(value, Mapping):
        return {key: without_hashes(each) for key, each in value.items()}
    return value


def unsealed(spec: JobSpec) -> JobSpec:
    """Return the spec whose secrets have no hashes."""
    return _with(spec, {place: Secret(secret=each.secret) for place, each in _sealed(spec)})


def _sealed(spec: JobSpec) -> Iterator[tuple[Place, Secret]]:
    return ((place, each) for place, each in secrets_of(spec).items() if each.hmac is not None)


def _with(spec: JobSpec, values: Mapping[Place, str | Secret]) -> JobSpec:
    if not values:
        return spec
    sections = {section: dict(getattr(spec, section)) for section, _ in values}
    for (section, key), value in values.items():
        sections[section][key] = value
    return spec.model_copy(update=sections)

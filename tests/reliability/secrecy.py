"""Secrets as the design says that they are kept: hashed with the state's salt, or not at all."""

import hashlib
import hmac
from collections.abc import Mapping

from reconciler.model.spec import JobSpec, Secret

MARK = "hidden-"
"""What the value of every secret begins with, and nothing else does."""


def seal(
    spec: JobSpec, environment: Mapping[str, str], salt: str, known: JobSpec | None = None
) -> JobSpec:
    """Return a spec with the hashes of its secrets; of one that is not set, what is known of it."""
    return _with_parameters(
        spec,
        {
            key: _sealed(value, environment, salt, known.parameters.get(key) if known else None)
            for key, value in spec.parameters.items()
            if isinstance(value, Secret) and value.hmac is None
        },
    )


def seal_like(theirs: JobSpec, ours: JobSpec, salt: str) -> JobSpec:
    """Return a configuration of the platform's with hashes where ours has secrets."""
    return _with_parameters(
        theirs,
        {
            key: Secret(secret=secret.secret, hmac=_hash(value, salt))
            for key, secret in ours.parameters.items()
            if isinstance(secret, Secret) and isinstance(value := theirs.parameters.get(key), str)
        },
    )


def _sealed(
    secret: Secret, environment: Mapping[str, str], salt: str, known: str | Secret | None
) -> Secret:
    if secret.secret in environment:
        return Secret(secret=secret.secret, hmac=_hash(environment[secret.secret], salt))
    return known if isinstance(known, Secret) and known.secret == secret.secret else secret


def _hash(value: str, salt: str) -> str:
    return hmac.new(salt.encode(), value.encode(), hashlib.sha256).hexdigest()


def _with_parameters(spec: JobSpec, values: Mapping[str, Secret]) -> JobSpec:
    if not values:
        return spec
    return spec.model_copy(update={"parameters": {**spec.parameters, **values}})

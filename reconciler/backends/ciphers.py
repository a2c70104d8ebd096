"""The home of cryptography: AES-256-GCM under keys from passphrases and key files."""

import hashlib
import secrets
from base64 import b64decode, b64encode
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import ValidationError

from reconciler.backends import codec
from reconciler.backends.sealing import HINT, MARK, Kind, Secret
from reconciler.errors import StateError
from reconciler.model.base import Model

_NONCE = 12
_SALT = 16
_SIZE = 32
_COST = 1 << 15
"""Of scrypt: 32 MiB and about a tenth of a second, once a command."""


class _Sealed(Model):
    sealed: int
    key: str
    salt: str
    data: str


class Ciphers:
    """The seal of one stack: writes with the first secret, reads with all."""

    def __init__(
        self,
        stack: str,
        current: Secret | None,
        others: Sequence[Secret],
        *,
        may_be_open: bool,
    ) -> None:
        """Take the secrets; keys are derived when they are needed."""
        self._stack = stack
        self._current = current
        self._secrets = [*([current] if current else []), *others]
        self._may_be_open = may_be_open
        self._salt = ""
        self._keys: dict[tuple[Secret, str], tuple[str, bytes]] = {}

    def seal(self, data: bytes, kind: Kind) -> bytes:
        """Return the sealed line."""
        if self._current is None:
            return data
        self._salt = self._salt or secrets.token_hex(_SALT)
        name, key = self._key(self._current, self._salt)
        nonce = secrets.token_bytes(_NONCE)
        text = nonce + AESGCM(key).encrypt(nonce, data, self._about(kind))
        sealed = _Sealed(sealed=1, key=name, salt=self._salt, data=b64encode(text).decode())
        return sealed.model_dump_json().encode() + b"\n"

    def open(self, data: bytes, kind: Kind, where: str) -> bytes:
        """Return what was sealed."""
        if not data.startswith(MARK):
            if not self._may_be_open:
                detail = f"{where} is not encrypted, although a key was given."
                hint = "`reconciler state rekey` encrypts it, if you trust what is there."
                raise StateError("The state is not encrypted", detail, hint)
            return data
        try:
            sealed = _Sealed.model_validate_json(data)
            text = b64decode(sealed.data, validate=True)
            salt = bytes.fromhex(sealed.salt).hex()
        except (ValidationError, ValueError) as error:
            raise codec.damaged(where, "what is encrypted there is cut short") from error
        key = self._found(sealed.key, salt, where)
        try:
            return AESGCM(key).decrypt(text[:_NONCE], text[_NONCE:], self._about(kind))
        except (InvalidTag, ValueError) as error:
            raise codec.damaged(where, "it was changed since it was encrypted") from error

    def _found(self, name: str, salt: str, where: str) -> bytes:
        for secret in self._secrets:
            known, key = self._key(secret, salt)
            if secrets.compare_digest(known.encode(), name.encode()):
                if secret is self._current:
                    self._salt = salt  # one derivation serves for reading and for writing
                return key
        raise StateError("The state is encrypted with another key", where, HINT)

    def _key(self, secret: Secret, salt: str) -> tuple[str, bytes]:
        """Return a key's name and the key, derived once for each salt."""
        if (secret, salt) not in self._keys:
            raw = bytes.fromhex(salt)
            if secret.is_passphrase:
                key = Scrypt(salt=raw, length=_SIZE, n=_COST, r=8, p=1).derive(secret.data)
            else:
                key = HKDF(SHA256(), _SIZE, raw, b"reconciler state").derive(secret.data)
            name = hashlib.sha256(b"reconciler key name" + key).hexdigest()[:16]
            self._keys[secret, salt] = name, key
        return self._keys[secret, salt]

    def _about(self, kind: Kind) -> bytes:
        return f"reconciler\0{self._stack}\0{kind}".encode()

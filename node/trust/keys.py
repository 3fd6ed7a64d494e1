"""A node's own keys, in <home>/keys: one PEM file (PKCS #8, RFC 5958) a key, one a certificate, and the raw `kek`.

The directory is made whole under another name and then renamed: there is never half a set. Existing keys are never
written over. The identity key signs cards and revocations and nothing else; its file may be taken away, the public
part stays in `identity.pub.pem`.
"""

import os
import secrets
import shutil
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from node.trust.brought import BroughtKeys, read_brought
from node.trust.certificates import (
    SELF_MADE,
    Issuer,
    SigningKey,
    Use,
    load_certificates,
    make_certificate,
    subject_of,
)
from node.trust.keys_refused import KeysRefused
from node.trust.refused import TrustRefused
from node.trust.suites import EDDSA_X25519, SUITES, agreement_suite, signing_suite

__all__ = ["AgreementKey", "BroughtKeys", "KeysRefused", "NodeKeys", "create_keys", "load_keys", "loose_permissions"]

AgreementKey = x25519.X25519PrivateKey | ec.EllipticCurvePrivateKey
AnyPrivateKey = ed25519.Ed25519PrivateKey | x25519.X25519PrivateKey | ec.EllipticCurvePrivateKey

IDENTITY_KEY = "identity.key.pem"
IDENTITY_PUBLIC = "identity.pub.pem"
KEK = "kek"
KEK_BYTES = 32


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """Everything a node can sign, open or seal with. `identity` is None when its file has been taken away."""

    directory: Path
    suite: str
    identity: ed25519.Ed25519PrivateKey | None
    identity_public: ed25519.Ed25519PublicKey
    signing_key: SigningKey
    signing_certificate: x509.Certificate
    encryption_key: AgreementKey
    encryption_certificate: x509.Certificate
    tls_key: ec.EllipticCurvePrivateKey
    tls_certificate: x509.Certificate
    document_key: ec.EllipticCurvePrivateKey
    document_certificate: x509.Certificate
    log_key: ed25519.Ed25519PrivateKey
    witness_key: ed25519.Ed25519PrivateKey
    kek: bytes = field(repr=False)

    @property
    def identity_raw(self) -> bytes:
        """The identity's public key, 32 bytes: what words and cards speak of."""
        return self.identity_public.public_bytes_raw()

    @property
    def tls_files(self) -> tuple[Path, Path]:
        """Certificate and key file for a TLS server."""
        return self.directory / "tls.cert.pem", self.directory / "tls.key.pem"


def create_keys(
    directory: Path,
    party: str,
    name: str,
    *,
    now: datetime,
    suite: str = EDDSA_X25519,
    tls_hosts: tuple[str, ...] = (),
    brought: BroughtKeys | None = None,
) -> NodeKeys:
    """Make all keys of a node in `directory`, which must not exist or be empty.

    With `brought` the wire keys are those, and the suite follows from them. `tls_hosts` are the names and addresses
    that the TLS certificate is for. Raises KeysRefused when keys are there already, the suite is unknown, or brought
    keys do not fit; OSError when the files cannot be written.
    """
    if directory.exists() and any(directory.iterdir()):
        raise KeysRefused("keys", f"files in {directory}", "an empty folder", "Keys are never written over: move them.")
    if suite not in SUITES:
        raise KeysRefused("suite", suite, " or ".join(SUITES), "Name one of these.")
    files = _wire_files(party, name, now, suite, brought)
    identity = ed25519.Ed25519PrivateKey.generate()
    files |= {
        IDENTITY_KEY: _private_pem(identity),
        IDENTITY_PUBLIC: identity.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "log.key.pem": _private_pem(ed25519.Ed25519PrivateKey.generate()),
        "witness.key.pem": _private_pem(ed25519.Ed25519PrivateKey.generate()),
        KEK: secrets.token_bytes(KEK_BYTES),
    }
    for use, hosts in ((Use.TLS, tls_hosts), (Use.DOCUMENT, ())):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = subject_of(party, name, use.value)
        certificate = make_certificate(SELF_MADE[use], key.public_key(), subject, Issuer(subject, key), now, hosts)
        files |= _pair_files(use.value, key, certificate)
    _write_directory(directory, files)
    return load_keys(directory)


def load_keys(directory: Path) -> NodeKeys:
    """The node's keys. Works without `identity.key.pem`.

    Raises KeysRefused when a file is missing or unreadable, a key is of the wrong kind, or a certificate is another
    key's. Validity in time is not judged here: an expired certificate must not keep a node from starting.
    """
    identity = None
    if (directory / IDENTITY_KEY).exists():
        identity = _ed25519(directory / IDENTITY_KEY)
    identity_public = _load_public(directory / IDENTITY_PUBLIC)
    if identity is not None and identity.public_key() != identity_public:
        raise KeysRefused(
            IDENTITY_KEY, "another key", f"the one of {IDENTITY_PUBLIC}", "Put back the identity key of this node."
        )
    found, signing_certificate = _load_pair(directory, "signing", ed25519.Ed25519PrivateKey, ec.EllipticCurvePrivateKey)
    signing_key = cast(SigningKey, found)
    found, encryption_certificate = _load_pair(
        directory, "encryption", x25519.X25519PrivateKey, ec.EllipticCurvePrivateKey
    )
    encryption_key = cast(AgreementKey, found)
    tls_key, tls_certificate = _p256_pair(directory, "tls")
    document_key, document_certificate = _p256_pair(directory, "document")
    suite = signing_suite(signing_key)
    if suite is None or suite != agreement_suite(encryption_key):
        raise KeysRefused(
            "wire keys",
            f"signing of {suite or 'no suite'}, key agreement of {agreement_suite(encryption_key) or 'no suite'}",
            "both of one suite",
            "Put back the pair that belongs together.",
        )
    kek = _read(directory / KEK)
    if len(kek) != KEK_BYTES:
        raise KeysRefused(
            KEK, f"{len(kek)} bytes", f"{KEK_BYTES} bytes", "Put the file back from your copy of the keys."
        )
    return NodeKeys(
        directory=directory,
        suite=suite,
        identity=identity,
        identity_public=identity_public,
        signing_key=signing_key,
        signing_certificate=signing_certificate,
        encryption_key=encryption_key,
        encryption_certificate=encryption_certificate,
        tls_key=tls_key,
        tls_certificate=tls_certificate,
        document_key=document_key,
        document_certificate=document_certificate,
        log_key=_ed25519(directory / "log.key.pem"),
        witness_key=_ed25519(directory / "witness.key.pem"),
        kek=kek,
    )


def loose_permissions(directory: Path) -> list[Path]:
    """What in `directory`, itself included, others than its owner may read or write."""
    return [path for path in (directory, *sorted(directory.iterdir())) if path.stat().st_mode & 0o077]


def _wire_files(party: str, name: str, now: datetime, suite: str, brought: BroughtKeys | None) -> dict[str, bytes]:
    if brought is not None:
        read = read_brought(brought, now)
        return _pair_files("signing", read.signing_key, read.signing_certificate) | _pair_files(
            "encryption", read.encryption_key, read.encryption_certificate
        )
    signing_key: SigningKey
    encryption_key: AgreementKey
    if suite == EDDSA_X25519:
        signing_key, encryption_key = ed25519.Ed25519PrivateKey.generate(), x25519.X25519PrivateKey.generate()
    else:
        signing_key, encryption_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = Issuer(subject_of(party, name), signing_key)
    signing = make_certificate(SELF_MADE[Use.SIGNING], signing_key.public_key(), issuer.name, issuer, now)
    encryption = make_certificate(
        SELF_MADE[Use.ENCRYPTION], encryption_key.public_key(), subject_of(party, name, "encryption"), issuer, now
    )
    return _pair_files("signing", signing_key, signing) | _pair_files("encryption", encryption_key, encryption)


def _pair_files(stem: str, key: AnyPrivateKey, certificate: x509.Certificate) -> dict[str, bytes]:
    return {f"{stem}.key.pem": _private_pem(key), f"{stem}.cert.pem": certificate.public_bytes(Encoding.PEM)}


def _private_pem(key: AnyPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write_directory(directory: Path, files: dict[str, bytes]) -> None:
    """Write all of `files` durably, then let them appear as `directory` in one step."""
    parent = directory.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    draft = parent / f".{directory.name}-{secrets.token_hex(8)}"
    draft.mkdir(mode=0o700)
    try:
        for name, content in files.items():
            descriptor = os.open(draft / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        _sync_directory(draft)
        draft.rename(directory)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    _sync_directory(parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeysRefused(
            str(path), error.strerror or "no file", "a readable file", "Put it back from your copy of the keys."
        ) from None


def _load_private(path: Path, *kind: type[object]) -> object:
    try:
        key = load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeysRefused(
            str(path), "no readable key", "PKCS #8 PEM without a passphrase", "Put it back from your copy of the keys."
        ) from None
    if not isinstance(key, kind):
        raise KeysRefused(
            str(path), type(key).__name__, " or ".join(one.__name__ for one in kind), "Put back the key that was there."
        )
    return key


def _ed25519(path: Path) -> ed25519.Ed25519PrivateKey:
    return cast(ed25519.Ed25519PrivateKey, _load_private(path, ed25519.Ed25519PrivateKey))


def _p256_pair(directory: Path, stem: str) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key, certificate = _load_pair(directory, stem, ec.EllipticCurvePrivateKey)
    return cast(ec.EllipticCurvePrivateKey, key), certificate


def _load_public(path: Path) -> ed25519.Ed25519PublicKey:
    try:
        key = load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise KeysRefused(str(path), "no readable key", "an Ed25519 public key, PEM", "Put it back from your copy.")
    return key


def _load_pair(directory: Path, stem: str, *kind: type[object]) -> tuple[object, x509.Certificate]:
    key = _load_private(directory / f"{stem}.key.pem", *kind)
    path = directory / f"{stem}.cert.pem"
    try:
        certificate = load_certificates(_read(path))[0]
    except KeysRefused:
        raise
    except TrustRefused as refused:
        raise KeysRefused(str(path), refused.found, refused.expected, "Put it back from your copy.") from None
    if certificate.public_key() != key.public_key():  # type: ignore[attr-defined]
        raise KeysRefused(str(path), "another key's certificate", f"that of {stem}.key.pem", "Put back the pair.")
    return key, certificate

"""The authority of a federation, as an offline tool: make it, certify parties, revoke, publish the revocation list.

Everything lies in one folder: ca.key.pem, ca.cert.pem, ca.crl.pem and issued.json. Nothing is sent anywhere. See
certs/README.md for the way of working, certs/profiles/ for what goes into each kind of certificate.
"""

import argparse
import json
import os
import secrets
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
# Run from a checkout without installing: the package lies beside this folder.
sys.path.insert(0, str(HERE.parent))

from cryptography import x509  # noqa: E402
from cryptography.exceptions import UnsupportedAlgorithm  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519  # noqa: E402
from cryptography.hazmat.primitives.serialization import (  # noqa: E402
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from cryptography.x509.oid import NameOID  # noqa: E402

from node.trust.certificates import (  # noqa: E402
    Issuer,
    Profile,
    PublicKey,
    SigningKey,
    Use,
    fingerprint,
    hash_for,
    load_certificates,
    make_certificate,
    subject_of,
)
from node.trust.refused import TrustRefused  # noqa: E402
from node.trust.suites import ECDSA_P256, EDDSA_X25519, SUITES, agreement_suite, signing_suite  # noqa: E402

CRL_DAYS = 35
CA_KEYS = ("p256", "ed25519")
# RFC 5280, 5.3.1; removeFromCRL and certificateHold are for delta lists and second thoughts: there are none here.
REASONS = ("unspecified", "keyCompromise", "affiliationChanged", "superseded", "cessationOfOperation")


class IssueRefused(Exception):
    """What was asked for cannot be done; the text says why and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns 0 when done, 1 when refused; wrong usage exits with 2."""
    options = _parser().parse_args(arguments)
    try:
        done: dict[str, Any] = options.run(options)
    except (IssueRefused, TrustRefused, OSError) as refused:
        print(f"Not done: {refused}", file=sys.stderr)
        return 1
    print(json.dumps(done, ensure_ascii=False, indent=2))
    return 0


def make_authority(options: argparse.Namespace) -> dict[str, Any]:
    """`ca`: key, self-signed certificate, empty register and first revocation list."""
    out: Path = options.out
    if (out / "ca.key.pem").exists():
        raise IssueRefused(f"{out} holds an authority already. Name another folder.")
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    key: SigningKey = (
        ed25519.Ed25519PrivateKey.generate() if options.key == "ed25519" else ec.generate_private_key(ec.SECP256R1())
    )
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, options.name[:64])])
    certificate = make_certificate(
        load_profile(Use.AUTHORITY, options.days), key.public_key(), name, Issuer(name, key), _now()
    )
    _write(out / "ca.key.pem", _key_pem(key, _passphrase(options)), secret=True)
    _write(out / "ca.cert.pem", certificate.public_bytes(Encoding.PEM))
    _write_register(out, {"crl_number": 0, "crl_url": options.crl_url, "certificates": []})
    _publish_list(out, key, certificate, CRL_DAYS)
    return {
        "authority": certificate.subject.rfc4514_string(),
        "sha256": fingerprint(certificate),
        "certificate": str(out / "ca.cert.pem"),
    }


def certify_party(options: argparse.Namespace) -> dict[str, Any]:
    """`party`: certificates for signing and encryption, for TLS too when hosts are named.

    Keys are made here, unless the party's public keys are given: then no private key ever comes to this machine.
    """
    register = _read_register(options.ca)
    key, authority = _authority(options)
    issuer = Issuer(authority.subject, key)
    subject = subject_of(options.party, options.name)
    out: Path = options.out
    made: dict[Use, SigningKey | x25519.X25519PrivateKey] = {}
    public: dict[Use, PublicKey] = {}
    if options.signing_public or options.encryption_public:
        if not (options.signing_public and options.encryption_public):
            raise IssueRefused("Give both --signing-public and --encryption-public, or neither.")
        public[Use.SIGNING] = _public_key(options.signing_public)
        public[Use.ENCRYPTION] = _public_key(options.encryption_public)
        suite = signing_suite(public[Use.SIGNING])
        if suite is None or suite != agreement_suite(public[Use.ENCRYPTION]):
            raise IssueRefused("The public keys are not of one suite: Ed25519 with X25519, or P-256 with P-256.")
    elif options.suite == EDDSA_X25519:
        made[Use.SIGNING], made[Use.ENCRYPTION] = (
            ed25519.Ed25519PrivateKey.generate(),
            x25519.X25519PrivateKey.generate(),
        )
    else:
        made[Use.SIGNING], made[Use.ENCRYPTION] = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    if options.host:
        made[Use.TLS] = ec.generate_private_key(ec.SECP256R1())
    public |= {use: private.public_key() for use, private in made.items()}
    files = [out / f"{use}.cert.pem" for use in public] + [out / f"{use}.key.pem" for use in made]
    there = [str(path) for path in files if path.exists()]
    if there:
        raise IssueRefused(f"Files are never written over: {', '.join(there)}. Name another folder.")
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    issued = {}
    for use, public_key in public.items():
        profile = replace(load_profile(use, options.days), crl_url=register["crl_url"])
        hosts = options.host if use is Use.TLS else ()
        certificate = make_certificate(profile, public_key, subject, issuer, _now(), hosts)
        register["certificates"].append(_entry(certificate, options.party, use))
        issued[use.value] = certificate
    # The register first: a certificate that exists but could not be revoked is worse than an entry without one.
    _write_register(options.ca, register)
    for use, private in made.items():
        _write(out / f"{use}.key.pem", _key_pem(private, None), secret=True)
    for name, certificate in issued.items():
        _write(out / f"{name}.cert.pem", certificate.public_bytes(Encoding.PEM))
    _write(out / "ca.cert.pem", authority.public_bytes(Encoding.PEM))
    return {
        "subject": subject.rfc4514_string(),
        "certificates": {name: fingerprint(certificate) for name, certificate in issued.items()},
        "folder": str(out),
    }


def revoke(options: argparse.Namespace) -> dict[str, Any]:
    """`revoke`: note it in the register and publish a new list at once."""
    register = _read_register(options.ca)
    key, authority = _authority(options)
    sha256 = options.sha256 or fingerprint(load_certificates(options.certificate.read_bytes())[0])
    found = [entry for entry in register["certificates"] if entry["sha256"] == sha256.lower().replace(":", "")]
    if not found:
        raise IssueRefused(f"{sha256} was not issued here. See issued.json.")
    (entry,) = found
    since = options.since or _now()
    if entry["revoked"] is None or since < datetime.fromisoformat(entry["revoked"]):
        entry["revoked"], entry["reason"] = since.isoformat(), options.reason
    _write_register(options.ca, register)
    return {"revoked": entry, "list": _publish_list(options.ca, key, authority, CRL_DAYS)}


def publish(options: argparse.Namespace) -> dict[str, Any]:
    """`crl`: a fresh list, with the same certificates and a later date for the next."""
    key, authority = _authority(options)
    return {"list": _publish_list(options.ca, key, authority, options.days)}


def load_profile(use: Use, days: int | None = None) -> Profile:
    """The profile of one kind of certificate, from certs/profiles."""
    values = tomllib.loads((HERE / "profiles" / f"{use}.toml").read_text(encoding="utf-8"))
    return Profile(
        use=Use(values["use"]),
        days=values["days"] if days is None else days,
        key_usage=tuple(values["key_usage"]),
        extended_key_usage=tuple(values["extended_key_usage"]),
    )


def _publish_list(folder: Path, key: SigningKey, authority: x509.Certificate, days: int) -> str:
    """Write ca.crl.pem and ca.crl; the number rises with each list (RFC 5280, 5.2.3)."""
    register = _read_register(folder)
    register["crl_number"] += 1
    now = _now()
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(now)
        .next_update(now + timedelta(days=days))
        .add_extension(x509.CRLNumber(register["crl_number"]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    for entry in register["certificates"]:
        if entry["revoked"] is not None:
            builder = builder.add_revoked_certificate(_revoked(entry))
    crl = builder.sign(key, hash_for(key))
    _write_register(folder, register)
    _write(folder / "ca.crl.pem", crl.public_bytes(Encoding.PEM))
    _write(folder / "ca.crl", crl.public_bytes(Encoding.DER))
    return str(folder / "ca.crl.pem")


def _revoked(entry: dict[str, Any]) -> x509.RevokedCertificate:
    since = datetime.fromisoformat(entry["revoked"])
    builder = x509.RevokedCertificateBuilder().serial_number(int(entry["serial"], 16)).revocation_date(since)
    if entry["reason"] != "unspecified":
        reason = x509.ReasonFlags(entry["reason"])
        builder = builder.add_extension(x509.CRLReason(reason), critical=False)
    return builder.build()


def _entry(certificate: x509.Certificate, party: str, use: Use) -> dict[str, Any]:
    return {
        "serial": format(certificate.serial_number, "x"),
        "sha256": fingerprint(certificate),
        "party": party,
        "use": use.value,
        "subject": certificate.subject.rfc4514_string(),
        "not_after": certificate.not_valid_after_utc.isoformat(),
        "revoked": None,
        "reason": None,
    }


def _authority(options: argparse.Namespace) -> tuple[SigningKey, x509.Certificate]:
    folder: Path = options.ca
    try:
        key = load_pem_private_key((folder / "ca.key.pem").read_bytes(), _passphrase(options))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise IssueRefused(f"The authority's key cannot be opened ({error}). Give --passphrase-file.") from None
    certificate = load_certificates((folder / "ca.cert.pem").read_bytes())[0]
    if not isinstance(key, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey):
        raise IssueRefused("The authority's key is of a kind that this tool does not make.")
    if certificate.public_key() != key.public_key():
        raise IssueRefused("ca.key.pem and ca.cert.pem do not belong together. Put back the folder from a copy.")
    return key, certificate


def _public_key(path: Path) -> PublicKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ed25519.Ed25519PublicKey | x25519.X25519PublicKey | ec.EllipticCurvePublicKey):
        raise IssueRefused(f"{path} is no public key of a suite. Make it with: openssl pkey -in KEY -pubout")
    return key


def _passphrase(options: argparse.Namespace) -> bytes | None:
    path: Path | None = options.passphrase_file
    return None if path is None else path.read_bytes().strip() or None


def _key_pem(key: SigningKey | x25519.X25519PrivateKey, passphrase: bytes | None) -> bytes:
    encryption = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def _read_register(folder: Path) -> dict[str, Any]:
    try:
        register: dict[str, Any] = json.loads((folder / "issued.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise IssueRefused(f"There is no authority in {folder}. Make one: issue.py ca --name N --out DIR") from None
    except ValueError as error:
        raise IssueRefused(f"{folder / 'issued.json'} is damaged ({error}). Put it back from a copy.") from None
    return register


def _write_register(folder: Path, register: dict[str, Any]) -> None:
    _write(folder / "issued.json", (json.dumps(register, ensure_ascii=False, indent=2) + "\n").encode())


def _write(path: Path, content: bytes, secret: bool = False) -> None:
    """Write durably beside, then put in place: a file is the old one or the new one, never half of it."""
    draft = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if secret else 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("an instant like 2026-11-25T02:24:57Z") from None
    if instant.tzinfo is None:
        raise argparse.ArgumentTypeError("an instant with its zone, like 2026-11-25T02:24:57Z")
    return instant.astimezone(UTC).replace(microsecond=0)


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 7305:
        raise argparse.ArgumentTypeError("a number of days from 1 to 7305")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="issue.py", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(required=True)

    ca = commands.add_parser("ca", help="make an authority")
    ca.add_argument("--name", required=True, help="its name, as it stands in certificates")
    ca.add_argument("--out", required=True, type=Path, help="a new folder")
    ca.add_argument("--key", choices=CA_KEYS, default="p256", help="kind of its key; any peer can check p256")
    ca.add_argument("--days", type=_days, help="validity, instead of the profile's")
    ca.add_argument("--crl-url", help="where the revocation list will be published; goes into each certificate")
    ca.set_defaults(run=make_authority)

    party = commands.add_parser("party", help="certify a party")
    party.add_argument("--party", required=True, help="its party id")
    party.add_argument("--name", required=True, help="its name")
    party.add_argument("--out", required=True, type=Path, help="a new folder for what it gets")
    party.add_argument("--suite", choices=SUITES, default=EDDSA_X25519, help=f"{ECDSA_P256} for peers without EdDSA")
    party.add_argument("--signing-public", type=Path, help="the party's own public key (PEM)")
    party.add_argument("--encryption-public", type=Path, help="the party's own public key (PEM)")
    party.add_argument("--host", action="append", default=[], help="name or address of its TLS server; repeatable")
    party.add_argument("--days", type=_days, help="validity, instead of the profiles'")
    party.set_defaults(run=certify_party)

    revocation = commands.add_parser("revoke", help="revoke a certificate and publish the list")
    which = revocation.add_mutually_exclusive_group(required=True)
    which.add_argument("--certificate", type=Path, help="the certificate's file")
    which.add_argument("--sha256", help="its fingerprint, as in issued.json")
    revocation.add_argument("--since", type=_instant, help="from when on it is not to be believed; now by default")
    revocation.add_argument("--reason", choices=REASONS, default="unspecified")
    revocation.set_defaults(run=revoke)

    crl = commands.add_parser("crl", help="publish a fresh revocation list")
    crl.add_argument("--days", type=_days, default=CRL_DAYS, help="days until the next one is due")
    crl.set_defaults(run=publish)

    for command in (party, revocation, crl):
        command.add_argument("--ca", required=True, type=Path, help="the authority's folder")
    for command in (ca, party, revocation, crl):
        command.add_argument("--passphrase-file", type=Path, help="the file with the passphrase of the authority's key")
    return parser


if __name__ == "__main__":
    sys.exit(main())

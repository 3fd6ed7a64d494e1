"""Where the attacks were published: key, what it is, its address. The page `docs/reference/attacks.md` prints these."""

from typing import Final

_NVD = "https://nvd.nist.gov/vuln/detail/"

SOURCES: Final[dict[str, tuple[str, str]]] = {
    # signature wrapping
    "McIntosh-Austel 2005": (
        "M. McIntosh, P. Austel: XML Signature Element Wrapping Attacks and Countermeasures, SWS 2005",
        "https://doi.org/10.1145/1103022.1103026",
    ),
    "Gajek 2009": (
        "S. Gajek and others: Analysis of Signature Wrapping Attacks and Countermeasures, ICWS 2009",
        "https://doi.org/10.1109/ICWS.2009.12",
    ),
    "Gruschka-Iacono 2009": (
        "N. Gruschka, L. Lo Iacono: Vulnerable Cloud: SOAP Message Security Validation Revisited, ICWS 2009",
        "https://doi.org/10.1109/ICWS.2009.70",
    ),
    "Somorovsky 2011": (
        "J. Somorovsky and others: All Your Clouds Are Belong to Us, CCSW 2011",
        "https://doi.org/10.1145/2046660.2046664",
    ),
    "Somorovsky 2012": (
        "J. Somorovsky and others: On Breaking SAML: Be Whoever You Want to Be, USENIX Security 2012 (XSW 1 to 8)",
        "https://www.usenix.org/conference/usenixsecurity12/technical-sessions/presentation/somorovsky",
    ),
    "Jensen 2009": (
        "M. Jensen, L. Liao, J. Schwenk: The Curse of Namespaces in the Domain of XML Signature, SWS 2009",
        "https://doi.org/10.1145/1655121.1655129",
    ),
    "Fragile Lock 2025": (
        "Z. Fedotkin: The Fragile Lock: attribute pollution, namespace confusion, void canonicalisation, 2025",
        "https://portswigger.net/research/the-fragile-lock",
    ),
    "CVE-2026-33487": ("goxmldsig: one reference is checked in the place of another", f"{_NVD}CVE-2026-33487"),
    "CVE-2024-45409": ("ruby-saml: the digest of another element is read", f"{_NVD}CVE-2024-45409"),
    "CVE-2025-47949": ("samlify: signature wrapping", f"{_NVD}CVE-2025-47949"),
    # parser differentials
    "CVE-2025-25291": ("ruby-saml: two parsers, DOCTYPE handled differently", f"{_NVD}CVE-2025-25291"),
    "CVE-2025-25292": ("ruby-saml: two parsers, namespaces handled differently", f"{_NVD}CVE-2025-25292"),
    "CVE-2025-66567": ("ruby-saml: two parsers again", f"{_NVD}CVE-2025-66567"),
    "CVE-2025-66568": ("ruby-saml: a failed canonicalisation counts as empty", f"{_NVD}CVE-2025-66568"),
    "CVE-2025-29774": ("xml-crypto: several SignedInfo", f"{_NVD}CVE-2025-29774"),
    "CVE-2025-29775": ("xml-crypto: comments in DigestValue", f"{_NVD}CVE-2025-29775"),
    "OneUptime 2988": (
        "xml-crypto: a processing instruction becomes text when it is canonicalised",
        "https://github.com/OneUptime/oneuptime/issues/2988",
    ),
    "CVE-2017-11427": (
        "python-saml and five others (CVE-2017-11428, 11429, 11430, 2018-0489, 2018-7340): text ends at a comment",
        "https://duo.com/blog/duo-finds-saml-vulnerabilities-affecting-multiple-implementations",
    ),
    "CVE-2020-29509": (
        "Go encoding/xml: attributes, directives and elements change on a round trip (also 29510, 29511)",
        f"{_NVD}CVE-2020-29509",
    ),
    "XML 1.0": ("Extensible Markup Language (XML) 1.0: characters and encodings", "https://www.w3.org/TR/xml/"),
    # transforms and references
    "Hill 2007": (
        "B. Hill: Command Injection in XML Signatures and Encryption, 2007",
        "https://www.scribd.com/document/65362399/XMLDSIG-Command-Injection",
    ),
    "W3C best practices": (
        "XML Signature Best Practices: transforms that never end, external references, what is signed",
        "https://www.w3.org/TR/xmldsig-bestpractices/",
    ),
    "CVE-2021-40690": ("Apache Santuario: KeyInfoReference reads files", f"{_NVD}CVE-2021-40690"),
    "CVE-2023-44483": ("XML signature: key material and references trusted too far", f"{_NVD}CVE-2023-44483"),
    # keys and algorithms
    "CVE-2009-0217": ("XML Signature: HMACOutputLength cuts the MAC", f"{_NVD}CVE-2009-0217"),
    "CVE-2015-9235": ("key confusion: the public key taken as a shared secret", f"{_NVD}CVE-2015-9235"),
    "CVE-2022-21449": ("Java: an ECDSA signature of zeros is always right", f"{_NVD}CVE-2022-21449"),
    "CVE-2013-4517": ("Santuario: DTD in a signature", f"{_NVD}CVE-2013-4517"),
    "Mainka 2014": (
        "C. Mainka, V. Mladenov, F. Feldmann, J. Krautwald, J. Schwenk: Your Software at my Service, CCSW 2014",
        "https://doi.org/10.1145/2664168.2664172",
    ),
    "Engelbertz 2019": (
        "N. Engelbertz and others: Security Analysis of XAdES Validation in the CEF Digital Signature Services, 2019",
        "https://dl.gi.de/handle/20.500.12116/20996",
    ),
    "Brendel 2021": (
        "J. Brendel and others: The Provable Security of Ed25519, IEEE S&P 2021 (small order, malleability)",
        "https://eprint.iacr.org/2020/823",
    ),
    # encryption and oracles
    "Jager-Somorovsky 2011": (
        "T. Jager, J. Somorovsky: How to Break XML Encryption, CCS 2011",
        "https://doi.org/10.1145/2046707.2046756",
    ),
    "Jager 2012": (
        "T. Jager, S. Schinzel, J. Somorovsky: Bleichenbacher's Attack Strikes Again, ESORICS 2012",
        "https://doi.org/10.1007/978-3-642-33167-1_43",
    ),
    "Jager-Paterson 2013": (
        "T. Jager, K. Paterson, J. Somorovsky: One Bad Apple: Backwards Compatibility Attacks, NDSS 2013",
        "https://www.ndss-symposium.org/ndss2013/ndss-2013-programme/"
        "one-bad-apple-backwards-compatibility-attacks-state-art-cryptography/",
    ),
    "Kupser 2015": (
        "D. Kupser, C. Mainka, J. Schwenk, J. Somorovsky: How to Break XML Encryption Automatically, WOOT 2015",
        "https://www.usenix.org/conference/woot15/workshop-program/presentation/kupser",
    ),
    "Jager 2015": (
        "T. Jager, J. Schwenk, J. Somorovsky: Practical Invalid Curve Attacks on TLS-ECDH, ESORICS 2015",
        "https://doi.org/10.1007/978-3-319-24174-6_21",
    ),
    "RFC 7748": ("Elliptic Curves for Security: an all-zero shared secret", "https://www.rfc-editor.org/rfc/rfc7748"),
    "Joux 2006": (
        "A. Joux: Authentication Failures in NIST version of GCM (IVs used twice, short tags)",
        "https://csrc.nist.gov/csrc/media/projects/block-cipher-techniques/documents/bcm/joux_comments.pdf",
    ),
    "CVE-2026-32313": ("xmlseclibs: the tag of AES-GCM is not checked for its length", f"{_NVD}CVE-2026-32313"),
    "Davis 2001": (
        "D. Davis: Defective Sign & Encrypt in S/MIME, PKCS#7, MOSS, PEM, PGP, and XML, USENIX 2001",
        "https://www.usenix.org/conference/2001-usenix-annual-technical-conference/"
        "defective-sign-encrypt-smime-pkcs7-moss-pem-pgp-and",
    ),
    "Decker 2014": (
        "C. Decker, R. Wattenhofer: Bitcoin Transaction Malleability and MtGox, ESORICS 2014",
        "https://doi.org/10.1007/978-3-319-11212-1_18",
    ),
    # XML, SOAP and ebMS
    "CAPEC-197": ("Exponential data expansion (billion laughs)", "https://capec.mitre.org/data/definitions/197.html"),
    "CAPEC-221": ("External entities", "https://capec.mitre.org/data/definitions/221.html"),
    "CAPEC-230": ("Nested payloads (coercive parsing)", "https://capec.mitre.org/data/definitions/230.html"),
    "CAPEC-231": ("Oversized payloads", "https://capec.mitre.org/data/definitions/231.html"),
    "CAPEC-229": ("Attribute count, hash collisions", "https://capec.mitre.org/data/definitions/229.html"),
    "Jensen 2009 survey": (
        "M. Jensen, N. Gruschka, R. Herkenhöner: A Survey of Attacks on Web Services, 2009",
        "https://doi.org/10.1007/s00450-009-0092-6",
    ),
    "Klink-Walde 2011": (
        "Denial of service through hash table collisions",
        "https://ocert.org/advisories/ocert-2011-003.html",
    ),
    "ebMS 3.0": (
        "OASIS ebMS 3.0 Core, chapter on security: replay, spoofing, what a receiver must check",
        "https://docs.oasis-open.org/ebxml-msg/ebms/v3.0/core/os/ebms_core-3.0-spec-os.html",
    ),
    # MIME and gzip
    "Zhang 2024": (
        "J. Zhang and others: Inbox Invasion: MIME Ambiguities to Evade Email Attachment Detectors, CCS 2024",
        "https://doi.org/10.1145/3658644.3670386",
    ),
    "draft-chen": (
        "J. Chen: Defensive Handling of MIME Parsing Ambiguities in Email Delivery, 2026",
        "https://datatracker.ietf.org/doc/draft-chen-email-mime-ambiguity-defense/",
    ),
    "WAFFLED 2025": (
        "S. Akhavani and others: WAFFLED: Exploiting Parsing Discrepancies to Bypass Web Application Firewalls, 2025",
        "https://arxiv.org/abs/2503.10846",
    ),
    "RFC 2387": ("MIME multipart/related: the start parameter", "https://www.rfc-editor.org/rfc/rfc2387"),
    "XOP": ("XML-binary Optimized Packaging: includes from elsewhere", "https://www.w3.org/TR/xop10/"),
    "Efail 2018": (
        "D. Poddebniak and others: Efail: ciphertext wrapped in somebody else's parts, USENIX Security 2018",
        "https://efail.de/",
    ),
    "Fifield 2019": ("D. Fifield: A better zip bomb, WOOT 2019", "https://www.bamsoftware.com/hacks/zipbomb/"),
    "CVE-2025-25293": ("ruby-saml: compressed messages inflate without bound", f"{_NVD}CVE-2025-25293"),
    "RFC 1952": ("gzip: members, flags, checks", "https://www.rfc-editor.org/rfc/rfc1952"),
    # HTTP
    "Linhart 2005": (
        "C. Linhart, A. Klein, R. Heled, S. Orrin: HTTP Request Smuggling, 2005",
        "https://www.cgisecurity.com/lib/HTTP-Request-Smuggling.pdf",
    ),
    "Kettle 2019": (
        "J. Kettle: HTTP Desync Attacks: Request Smuggling Reborn, 2019 (CL.TE, TE.CL, TE.TE)",
        "https://portswigger.net/research/http-desync-attacks-request-smuggling-reborn",
    ),
    "Kettle 2022": (
        "J. Kettle: Browser-Powered Desync Attacks, 2022 (CL.0)",
        "https://portswigger.net/research/browser-powered-desync-attacks",
    ),
    "Kettle 2025": (
        "J. Kettle: HTTP/1.1 must die: the desync endgame, 2025 (0.CL, Expect)",
        "https://portswigger.net/research/http1-must-die",
    ),
    "CVE-2025-43859": ("h11: chunked coding taken without its line ends", f"{_NVD}CVE-2025-43859"),
    "TERM.EXT 2025": (
        "J. Wallkötter: Funky chunks: chunk extensions and bare line ends, 2025",
        "https://w4ke.info/2025/06/18/funky-chunks.html",
    ),
    "CVE-2020-7238": ("Netty: white space before the colon of Transfer-Encoding", f"{_NVD}CVE-2020-7238"),
    "h2c 2020": (
        "J. Miller: h2c Smuggling: Request Smuggling Via HTTP/2 Cleartext, 2020",
        "https://bishopfox.com/blog/h2c-smuggling-request",
    ),
    "Slowloris 2009": ("R. Hansen: Slowloris HTTP DoS", "https://en.wikipedia.org/wiki/Slowloris_(cyber_attack)"),
    "Slow read 2012": (
        "S. Shekyan: Are you ready for slow reading?",
        "https://blog.qualys.com/vulnerabilities-threat-research/2012/01/05/slow-read",
    ),
    "RFC 9112": ("HTTP/1.1: what a server must refuse", "https://www.rfc-editor.org/rfc/rfc9112"),
}

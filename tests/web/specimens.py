"""Records and files about the specimen persons of ICAO Doc 9303 (Utopia), and about nobody else."""

import base64
import hashlib
import struct
import zlib
from xml.sax.saxutils import escape

SERVICE = "urn:depesha:returns:1"
NOTICES = "urn:depesha:notice:1"
NONCE = base64.b64encode(bytes(range(32))).decode()


def picture() -> bytes:
    """A PNG of 84 x 108: a grey silhouette, nobody's photograph."""
    width, height = 84, 108
    rows = []
    for y in range(height):
        row = bytearray(b"\0")
        for x in range(width):
            head = (x - 42) ** 2 + (y - 40) ** 2 < 20**2
            body = y > 66 and ((x - 42) / 36) ** 2 + ((y - 108) / 42) ** 2 < 1
            row += bytes((118, 130, 135) if head or body else (226, 232, 233))
        rows.append(bytes(row))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"".join(rows), 9)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


PICTURE = picture()
DOCUMENT = b"%PDF-1.4\n% specimen, no pages\n" + hashlib.shake_256(b"specimen").digest(90_000) + b"\n%%EOF\n"
"""Incompressible, so that it goes to the blob store."""


def _act(occurred: str) -> str:
    return f'xmlns="{SERVICE}" nonce="{NONCE}" occurred="{occurred}" recorded="{occurred}" language="en"'


def _authority(tag: str, name: str, state: str) -> str:
    return f"<{tag}><Name>{escape(name)}</Name><State>{state}</State></{tag}>"


FRANCE = ("Ministry of the Interior, Paris", "FRA")
SERBIA = ("Ministry of the Interior, Belgrade", "SRB")
MRZ = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
ANNA = """<PersonalDetails id="p1">
<ReadmittedAs>own-national</ReadmittedAs>
<FullName><PrimaryIdentifier>Eriksson</PrimaryIdentifier><SecondaryIdentifier>Anna Maria</SecondaryIdentifier>
<NativePrimary>Ерикссон</NativePrimary><NativeSecondary>Анна Мария</NativeSecondary>
<NativeScript>Cyrl</NativeScript></FullName>
<Birth><Date>1974-08-12</Date><Place>Zenith</Place><Country>UTO</Country></Birth>
<Photograph><Image>photo-p1.png</Image></Photograph>
<Sex>F</Sex>
<PhysicalDescription><Height>171</Height><Eyes>grey</Eyes><Hair>fair</Hair></PhysicalDescription>
<AlsoKnownAs><PrimaryIdentifier>Eriksson</PrimaryIdentifier><SecondaryIdentifier>Anna</SecondaryIdentifier></AlsoKnownAs>
<Nationality>UTO</Nationality><Language>sr</Language>
<CivilStatus>single</CivilStatus>
<LastAddress><Street>Specimen Street 1</Street><Locality>Zenith</Locality><Country>UTO</Country></LastAddress>
</PersonalDetails>"""
PETER = """<PersonalDetails id="p2">
<ReadmittedAs>own-national</ReadmittedAs>
<FullName><PrimaryIdentifier>Stevenson</PrimaryIdentifier>
<SecondaryIdentifier>Peter John</SecondaryIdentifier></FullName>
<Birth><Date>1934</Date></Birth>
<Sex>M</Sex>
<Nationality>UTO</Nationality>
<CivilStatus>unknown</CivilStatus>
</PersonalDetails>"""


def application(
    persons: tuple[str, ...] = (ANNA,), occurred: str = "2026-11-18T13:01:00Z", reference: str = "DGEF 2026/1187"
) -> bytes:
    """A readmission application with a photograph and a copy of a document."""
    attached = (
        ("photo-p1.png", "photograph", "image/png", PICTURE),
        ("passport-p1.pdf", "document-copy", "application/pdf", DOCUMENT),
    )
    files = "".join(
        f"<Attachment><Name>{name}</Name><Kind>{kind}</Kind><MediaType>{media}</MediaType>"
        f"<Sha256>{hashlib.sha256(content).hexdigest()}</Sha256><Person>p1</Person></Attachment>"
        for name, kind, media, content in attached
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ReadmissionApplication {_act(occurred)}>
<Head><Place>Paris</Place><Date>2026-11-18</Date><Reference>{reference}</Reference>
{_authority("From", *FRANCE)}{_authority("To", *SERBIA)}
<AcceleratedProcedure>false</AcceleratedProcedure><InterviewRequested>false</InterviewRequested></Head>
{"".join(persons)}
<SpecialCircumstances><Health occurred="2026-11" recorded="{occurred}"><Person>p1</Person>
<SpecialCare>Needs spectacles on the journey.</SpecialCare><Consent>true</Consent></Health></SpecialCircumstances>
<MeansOfEvidence><Document occurred="2012-04-16" recorded="{occurred}"><Person>p1</Person><Kind>passport</Kind>
<Evidence>passport</Evidence><Number>L898902C3</Number><IssuedOn>2007-04</IssuedOn>
<Authority>Utopian Passport Office</Authority>
<IssuingState>UTO</IssuingState><Expires>2012-04-15</Expires>
<MachineReadableLine>{escape(MRZ[0])}</MachineReadableLine>
<MachineReadableLine>{escape(MRZ[1])}</MachineReadableLine>
<Original><HeldBy>requesting-authority</HeldBy></Original><Copy>passport-p1.pdf</Copy></Document></MeansOfEvidence>
<Observations><Text>Speaks the language of the requested State.</Text></Observations>
<Signature><Office>Bureau of returns</Office></Signature>
<Attachments>{files}</Attachments>
</ReadmissionApplication>
""".encode()


def particulars(asked: bool, occurred: str, text: str) -> bytes:
    """Further particulars: asked for by the requested side, or given by the requesting one."""
    sender, receiver = (SERBIA, FRANCE) if asked else (FRANCE, SERBIA)
    part = "Asked" if asked else "Given"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<FurtherParticulars {_act(occurred)}>
<Head><Place>{sender[0].rpartition(" ")[2]}</Place><Date>{occurred[:10]}</Date><Reference>235-7/2026</Reference>
{_authority("From", *sender)}{_authority("To", *receiver)}<Concerning>m-0417-1@fra.example</Concerning></Head>
<{part} occurred="{occurred}" recorded="{occurred}"><Person>p1</Person><About>identity</About>
<Text>{escape(text)}</Text></{part}>
<Signature><Office>Bureau of returns</Office></Signature>
</FurtherParticulars>
""".encode()


def notice(message_id: str, occurred: str) -> bytes:
    """A notice that an officer opened a message."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Opened xmlns="{NOTICES}" nonce="{NONCE}" occurred="{occurred}" recorded="{occurred}">
<Message>{message_id}</Message><Event>http://uri.etsi.org/19522/Event/ContentAccessTracking</Event><Role>officer</Role>
</Opened>
""".encode()


def reply(occurred: str, accepted: bool = True) -> bytes:
    """A reply for one person."""
    answer = (
        "<Accepted/>"
        if accepted
        else "<Refused><Reason><Code>nationality-not-established</Code>"
        "<Text>No entry was found.</Text></Reason></Refused>"
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Reply {_act(occurred)}>
<Head><Place>Belgrade</Place><Date>{occurred[:10]}</Date><Reference>235-7/2026</Reference>
{_authority("From", *SERBIA)}{_authority("To", *FRANCE)}<Concerning>m-0402-1@fra.example</Concerning></Head>
<Answer occurred="{occurred}" recorded="{occurred}"><Person>p1</Person>{answer}</Answer>
<Signature><Office>Bureau of returns</Office></Signature>
</Reply>
""".encode()

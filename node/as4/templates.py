"""The text that we write, with a place for each value: every envelope of ours is filled into these.

Elements that are signed (SignedInfo, Messaging, Body) stand here as exclusive canonicalisation would write them, each
with its own namespace declarations. `recogniser` reads by the same templates.
"""

from typing import Final

from node.as4 import names

KEY_LENGTH: Final = 16
"""Octets of the content key and of the key that wraps it (AES-128)."""

ENVELOPE_START: Final = f'<S12:Envelope xmlns:S12="{names.SOAP}"><S12:Header>'
SECURITY_START: Final = f'<wsse:Security xmlns:wsse="{names.WSSE}" xmlns:wsu="{names.WSU}" S12:mustUnderstand="true">'
TOKEN: Final = (
    f'<wsse:BinarySecurityToken EncodingType="{names.BASE64_BINARY}" ValueType="{names.X509_V3}" wsu:Id="%s">%s'
    "</wsse:BinarySecurityToken>"
)
SIGNED_INFO_START: Final = (
    f'<ds:SignedInfo xmlns:ds="{names.DS}"><ds:CanonicalizationMethod Algorithm="{names.EXC_C14N}">'
    '</ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="%s"></ds:SignatureMethod>'
)
REFERENCE: Final = (
    '<ds:Reference URI="%s"><ds:Transforms><ds:Transform Algorithm="%s"></ds:Transform></ds:Transforms>'
    f'<ds:DigestMethod Algorithm="{names.SHA256}"></ds:DigestMethod><ds:DigestValue>%s</ds:DigestValue></ds:Reference>'
)
SIGNATURE: Final = (
    f'<ds:Signature xmlns:ds="{names.DS}" Id="S-%s">%s<ds:SignatureValue>%s</ds:SignatureValue>'
    '<ds:KeyInfo><wsse:SecurityTokenReference><wsse:Reference URI="#%s" '
    f'ValueType="{names.X509_V3}"></wsse:Reference></wsse:SecurityTokenReference></ds:KeyInfo></ds:Signature>'
)
SIGNED_INFO_END: Final = "</ds:SignedInfo>"
SECURITY_END: Final = "</wsse:Security>"
MESSAGING_START: Final = (
    f'<eb:Messaging xmlns:S12="{names.SOAP}" xmlns:eb="{names.EB}" xmlns:wsu="{names.WSU}" wsu:Id="%s" '
    'S12:mustUnderstand="true">'
)
MESSAGING_END: Final = "</eb:Messaging>"
HEADER_END: Final = "</S12:Header>"
BODY: Final = f'<S12:Body xmlns:S12="{names.SOAP}" xmlns:wsu="{names.WSU}" wsu:Id="%s"></S12:Body>'
ENVELOPE_END: Final = "</S12:Envelope>"
ENCRYPTED_KEY: Final = (
    f'<wsse:BinarySecurityToken EncodingType="{names.BASE64_BINARY}" ValueType="{names.X509_V3}" wsu:Id="R-%(id)s">'
    f'%(certificate)s</wsse:BinarySecurityToken><xenc:EncryptedKey xmlns:xenc="{names.XENC}" Id="EK-%(id)s">'
    f'<xenc:EncryptionMethod Algorithm="{names.KW_AES128}"></xenc:EncryptionMethod>'
    f'<ds:KeyInfo xmlns:ds="{names.DS}"><xenc:AgreementMethod Algorithm="%(agreement)s">'
    f'<xenc11:KeyDerivationMethod xmlns:xenc11="{names.XENC11}" Algorithm="{names.HKDF}">'
    f'<dsigmore:HKDFParams xmlns:dsigmore="{names.DSIG_MORE}">'
    f'<dsigmore:PRF Algorithm="{names.HMAC_SHA256}"></dsigmore:PRF><dsigmore:Salt>%(salt)s</dsigmore:Salt>'
    f"<dsigmore:KeyLength>{KEY_LENGTH}</dsigmore:KeyLength></dsigmore:HKDFParams></xenc11:KeyDerivationMethod>"
    "<xenc:OriginatorKeyInfo>%(originator)s</xenc:OriginatorKeyInfo><xenc:RecipientKeyInfo>"
    '<wsse:SecurityTokenReference><wsse:Reference URI="#R-%(id)s" '
    f'ValueType="{names.X509_V3}"></wsse:Reference></wsse:SecurityTokenReference></xenc:RecipientKeyInfo>'
    "</xenc:AgreementMethod></ds:KeyInfo><xenc:CipherData><xenc:CipherValue>%(wrapped)s</xenc:CipherValue>"
    "</xenc:CipherData><xenc:ReferenceList>%(references)s</xenc:ReferenceList></xenc:EncryptedKey>"
)
DER_KEY_VALUE: Final = f'<dsig11:DEREncodedKeyValue xmlns:dsig11="{names.DSIG11}">%s</dsig11:DEREncodedKeyValue>'
DATA_REFERENCE: Final = '<xenc:DataReference URI="#ED-%s-%d"></xenc:DataReference>'
ENCRYPTED_DATA: Final = (
    f'<xenc:EncryptedData xmlns:xenc="{names.XENC}" Id="ED-%(id)s-%(n)d" MimeType="%(type)s" '
    f'Type="{names.SWA_CONTENT_ONLY}"><xenc:EncryptionMethod Algorithm="{names.AES128_GCM}"></xenc:EncryptionMethod>'
    f'<ds:KeyInfo xmlns:ds="{names.DS}"><wsse:SecurityTokenReference xmlns:wsse11="{names.WSSE11}" '
    f'wsse11:TokenType="{names.ENCRYPTED_KEY}"><wsse:Reference URI="#EK-%(id)s"></wsse:Reference>'
    "</wsse:SecurityTokenReference></ds:KeyInfo><xenc:CipherData>"
    '<xenc:CipherReference URI="cid:%(cid)s"><xenc:Transforms>'
    f'<ds:Transform xmlns:ds="{names.DS}" Algorithm="{names.SWA_CIPHERTEXT}"></ds:Transform>'
    "</xenc:Transforms></xenc:CipherReference></xenc:CipherData></xenc:EncryptedData>"
)
ROOT_HEAD: Final = (
    "--%s\r\nContent-Type: application/soap+xml;charset=UTF-8\r\nContent-Transfer-Encoding: binary\r\n\r\n"
)
PART_HEAD: Final = (
    "\r\n--%s\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n"
    "Content-Description: Attachment\r\nContent-ID: <%s>\r\n\r\n"
)
MULTIPART_END: Final = "\r\n--%s--\r\n"
RECEIPT_REFERENCE: Final = (
    f'<ebbp:MessagePartNRInformation><ds:Reference xmlns:ds="{names.DS}" URI="%s"><ds:Transforms>'
    '<ds:Transform Algorithm="%s">%s</ds:Transform></ds:Transforms>'
    f'<ds:DigestMethod Algorithm="{names.SHA256}"></ds:DigestMethod><ds:DigestValue>%s</ds:DigestValue>'
    "</ds:Reference></ebbp:MessagePartNRInformation>"
)
INCLUSIVE_NAMESPACES: Final = (
    f'<ec:InclusiveNamespaces xmlns:ec="{names.EXC_C14N}" PrefixList="%s"></ec:InclusiveNamespaces>'
)

package depesha.interop;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.zip.GZIPOutputStream;

import org.apache.wss4j.dom.message.WSSecSignature;

import com.helger.phase4.crypto.IWSSecSignatureCustomizer;
import com.helger.phase4.ebms3header.Ebms3PartInfo;
import com.helger.phase4.ebms3header.Ebms3PartProperties;
import com.helger.phase4.ebms3header.Ebms3PayloadInfo;
import com.helger.phase4.ebms3header.Ebms3UserMessage;
import com.helger.phase4.model.message.MessageHelperMethods;

/** What can be wrong with a message, each made where phase4 makes the thing that is to be wrong. */
enum Fault
{
  NONE,
  /** No signature at all. */
  UNSIGNED,
  /** No encryption at all. */
  UNENCRYPTED,
  /** Header and Body are signed, the attachments are not: phase4 itself accepts that. */
  UNSIGNED_ATTACHMENT,
  /** Header and attachments are signed, the Body is not. */
  UNSIGNED_BODY,
  /** The last attachment is not announced by a PartInfo. */
  EXTRA_PART,
  /** A PartInfo announces an attachment that is not there. */
  MISSING_PART,
  /** A PartInfo names its payload by a web address. */
  HYPERLINK,
  /** The compressed part says not what it is. */
  NO_MIME_TYPE,
  /** A CharacterSet that no XML processor could know. */
  BAD_CHARACTER_SET,
  /** The signed and encrypted octets are no gzip stream, though the header says so. */
  DAMAGED_GZIP,
  /** One octet of the ciphertext is changed on the way. */
  TAMPERED_ATTACHMENT,
  /** The Action is changed on the way. */
  TAMPERED_ACTION,
  /** The signature value is changed on the way. */
  TAMPERED_SIGNATURE;

  static Fault named (final String name)
  {
    return name == null ? NONE : valueOf (name.toUpperCase (java.util.Locale.ROOT).replace ('-', '_'));
  }

  /** Before anything is signed. */
  void changeHeader (final Ebms3UserMessage message)
  {
    switch (this)
    {
      case EXTRA_PART ->
      {
        final var infos = message.getPayloadInfo ().getPartInfo ();
        infos.remove (infos.size () - 1);
        if (infos.isEmpty ())
          message.setPayloadInfo (null);
      }
      case MISSING_PART -> payloadInfo (message).addPartInfo (partInfo ("cid:not-there@depesha.example"));
      case HYPERLINK -> payloadInfo (message).addPartInfo (partInfo ("http://depesha.example/payload.xml"));
      case NO_MIME_TYPE -> message.getPayloadInfo ()
                                  .getPartInfoAtIndex (0)
                                  .getPartProperties ()
                                  .getProperty ()
                                  .removeIf (p -> "MimeType".equals (p.getName ()));
      case BAD_CHARACTER_SET -> message.getPayloadInfo ()
                                       .getPartInfoAtIndex (0)
                                       .getPartProperties ()
                                       .addProperty (MessageHelperMethods.createEbms3Property ("CharacterSet", "!utf*"));
      default ->
      {
        // nothing of the header
      }
    }
  }

  private static Ebms3PayloadInfo payloadInfo (final Ebms3UserMessage message)
  {
    if (message.getPayloadInfo () == null)
      message.setPayloadInfo (new Ebms3PayloadInfo ());
    return message.getPayloadInfo ();
  }

  private static Ebms3PartInfo partInfo (final String href)
  {
    final Ebms3PartInfo info = new Ebms3PartInfo ();
    info.setHref (href);
    final Ebms3PartProperties properties = new Ebms3PartProperties ();
    properties.addProperty (MessageHelperMethods.createEbms3Property ("MimeType", "application/xml"));
    info.setPartProperties (properties);
    return info;
  }

  /** @return what takes a reference out of the signature, null where nothing is to be taken out. */
  IWSSecSignatureCustomizer signatureCustomizer ()
  {
    if (this != UNSIGNED_ATTACHMENT && this != UNSIGNED_BODY)
      return null;
    return new IWSSecSignatureCustomizer ()
    {
      @Override
      public void customize (final WSSecSignature signature)
      {
        if (Fault.this == UNSIGNED_BODY)
          signature.getParts ().removeIf (part -> "Body".equals (part.getName ()));
        else
          signature.getParts ().removeIf (part -> part.getId () != null && part.getId ().startsWith ("cid:"));
      }
    };
  }

  /** gzip with its middle overwritten. */
  static byte [] damagedGzip (final byte [] content) throws IOException
  {
    final ByteArrayOutputStream out = new ByteArrayOutputStream ();
    try (final GZIPOutputStream gzip = new GZIPOutputStream (out))
    {
      gzip.write (content);
    }
    final byte [] bytes = out.toByteArray ();
    for (int i = bytes.length / 3; i < bytes.length / 3 + 16; i++)
      bytes[i] = (byte) 0xFF;
    return bytes;
  }

  /** On the way: the octets of the whole HTTP body. */
  void changeBody (final byte [] body)
  {
    switch (this)
    {
      case TAMPERED_ATTACHMENT ->
      {
        final int headers = lastIndexOf (body, "Content-ID: <");
        final int content = indexOf (body, "\r\n\r\n", headers) + 4;
        // Beyond the 12 octets of the IV
        body[content + 20] ^= 1;
      }
      case TAMPERED_ACTION ->
      {
        final int end = indexOf (body, "Action>", indexOf (body, "Action>", 0) + 7);
        // "…x</prefix:Action>": the last letter of the value
        int i = end;
        while (body[i] != '<')
          i--;
        body[i - 1] = (byte) (body[i - 1] == 'x' ? 'y' : 'x');
      }
      case TAMPERED_SIGNATURE ->
      {
        final int value = indexOf (body, "SignatureValue>", 0) + 15;
        body[value] = (byte) (body[value] == 'A' ? 'B' : 'A');
      }
      default ->
      {
        // nothing on the way
      }
    }
  }

  private static int indexOf (final byte [] body, final String text, final int from)
  {
    final int at = new String (body, StandardCharsets.ISO_8859_1).indexOf (text, from);
    if (at < 0)
      throw new IllegalStateException ("the message has no " + text.strip ());
    return at;
  }

  private static int lastIndexOf (final byte [] body, final String text)
  {
    final int at = new String (body, StandardCharsets.ISO_8859_1).lastIndexOf (text);
    if (at < 0)
      throw new IllegalStateException ("the message has no " + text);
    return at;
  }
}

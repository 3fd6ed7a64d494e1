package depesha.interop;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.ZipException;

import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Callback;
import org.w3c.dom.Node;

import com.helger.base.io.iface.IHasInputStream;
import com.helger.collection.commons.CommonsArrayList;
import com.helger.collection.commons.ICommonsList;
import com.helger.http.header.HttpHeaderMap;
import com.helger.json.IJson;
import com.helger.json.IJsonArray;
import com.helger.json.IJsonObject;
import com.helger.json.JsonArray;
import com.helger.json.JsonObject;
import com.helger.mime.IMimeType;
import com.helger.phase4.attachment.AS4DecompressException;
import com.helger.phase4.attachment.IAS4IncomingAttachmentFactory;
import com.helger.phase4.attachment.WSS4JAttachment;
import com.helger.phase4.ebms3header.Ebms3PartInfo;
import com.helger.phase4.ebms3header.Ebms3PartyId;
import com.helger.phase4.ebms3header.Ebms3Property;
import com.helger.phase4.ebms3header.Ebms3SignalMessage;
import com.helger.phase4.ebms3header.Ebms3UserMessage;
import com.helger.phase4.error.AS4ErrorList;
import com.helger.phase4.incoming.AS4IncomingMessageMetadata;
import com.helger.phase4.incoming.AS4IncomingProfileSelectorConstant;
import com.helger.phase4.incoming.AS4IncomingReceiverConfiguration;
import com.helger.phase4.incoming.AS4RequestHandler;
import com.helger.phase4.incoming.IAS4IncomingMessageMetadata;
import com.helger.phase4.incoming.IAS4IncomingMessageState;
import com.helger.phase4.incoming.IAS4ResponseAbstraction;
import com.helger.phase4.incoming.crypto.AS4IncomingSecurityConfiguration;
import com.helger.phase4.incoming.spi.AS4MessageProcessorResult;
import com.helger.phase4.incoming.spi.AS4SignalMessageProcessorResult;
import com.helger.phase4.incoming.spi.IAS4IncomingMessageProcessorSPI;
import com.helger.phase4.model.error.EEbmsError;
import com.helger.phase4.model.pmode.IPMode;
import com.helger.phase4.util.Phase4Exception;

/**
 * phase4 as a receiver behind Jetty. An endpoint is a path with one party's keys, one peer and the pairs of service and
 * action that the two agreed on. What phase4 accepts is written to the endpoint's folder before the receipt leaves:
 * OUT/NNNN/message.json beside part-1, part-2, …; the folder appears whole (renamed into place). Without OUT it is read
 * and thrown away.
 */
final class Receiver extends Handler.Abstract
{
  private static final String TEST_SERVICE = "http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/service";
  private static final String TEST_ACTION = "http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/test";

  /** The whole request and the answer, byte for byte, when the test wants to look at them. */
  private record Exchange (byte [] body, int status, String contentType, byte [] answer) {}

  private final class Endpoint implements IAS4IncomingMessageProcessorSPI
  {
    private final Suite suite;
    private final String party;
    private final String peer;
    private final String agreement;
    private final IJsonArray pairs;
    private final boolean fourCorners;
    private final String refusal;
    private final Keys keys;
    private final Path out;
    private final AtomicInteger delivered = new AtomicInteger ();
    private final AtomicInteger requests = new AtomicInteger ();
    private final AtomicInteger answersToLose = new AtomicInteger ();

    Endpoint (final IJsonObject json) throws Exception
    {
      suite = Suite.named (json.getAsString ("suite"));
      party = json.getAsString ("party");
      peer = json.getAsString ("peer");
      agreement = json.getAsString ("agreement");
      pairs = json.getAsArray ("pairs");
      fourCorners = json.getAsBoolean ("four_corners", false);
      refusal = json.getAsString ("refusal");
      keys = Keys.load (json.getAsObject ("keys"), Path.of (json.getAsString ("peer_sign_cert")));
      out = json.getAsString ("out") == null ? null : Files.createDirectories (Path.of (json.getAsString ("out")));
    }

    /** @return the P-Mode for what both agreed on, null (phase4: EBMS:0010) for anything else. */
    private IPMode pmode (final String service, final String action, final String initiator, final String responder)
    {
      if (!peer.equals (initiator) || !party.equals (responder))
        return null;
      final String id = peer + "-" + party + "-" + suite + "-" + service + "-" + action;
      if (TEST_SERVICE.equals (service) && TEST_ACTION.equals (action))
        return suite.pmode (id, initiator, responder, agreement, service, null, action);
      for (final IJson each : pairs)
      {
        final IJsonObject pair = each.getAsObject ();
        if (pair.getAsString ("service").equals (service) && pair.getAsString ("action").equals (action))
          return suite.pmode (id, initiator, responder, agreement, service, pair.getAsString ("service_type"), action);
      }
      return null;
    }

    Exchange answer (final Request request, final byte [] body) throws Exception
    {
      final HttpHeaderMap headers = new HttpHeaderMap ();
      for (final HttpField field : request.getHeaders ())
        headers.addHeader (field.getName (), field.getValue ());
      final Answer answer = new Answer ();
      final AS4IncomingMessageMetadata metadata =
          AS4IncomingMessageMetadata.createForRequest ()
                                    .setRemoteAddr (Request.getRemoteAddr (request))
                                    .setHttpHeaders (headers);
      try (final AS4RequestHandler handler = new AS4RequestHandler (metadata))
      {
        handler.setCryptoFactorySign (keys.sign ());
        handler.setCryptoFactoryCrypt (keys.crypt ());
        handler.setPModeResolver ( (id, service, action, from, to, ref, address) -> pmode (service, action, from, to));
        handler.setIncomingProfileSelector (new AS4IncomingProfileSelectorConstant (fourCorners ? FourCorners.ID : null,
                                                                                    fourCorners));
        handler.setIncomingAttachmentFactory (IAS4IncomingAttachmentFactory.DEFAULT_INSTANCE);
        handler.setIncomingSecurityConfiguration (AS4IncomingSecurityConfiguration.createDefaultInstance ());
        handler.setIncomingReceiverConfiguration (new AS4IncomingReceiverConfiguration ());
        handler.setLocale (Locale.US);
        handler.setProcessorSupplier ( () -> new CommonsArrayList <> ((IAS4IncomingMessageProcessorSPI) this));
        handler.handleRequest (new ByteArrayInputStream (body), headers, answer);
      }
      catch (final Phase4Exception ex)
      {
        // What phase4's own servlet answers
        answer.status = 400;
        answer.contentType = "text/plain";
        answer.content = ("Bad Request: " + ex.getMessage ()).getBytes (StandardCharsets.UTF_8);
      }
      return new Exchange (body, answer.status, answer.contentType, answer.content);
    }

    @Override
    public AS4MessageProcessorResult processAS4UserMessage (final IAS4IncomingMessageMetadata metadata,
                                                            final HttpHeaderMap headers,
                                                            final Ebms3UserMessage message,
                                                            final IPMode pmode,
                                                            final Node payload,
                                                            final ICommonsList <WSS4JAttachment> attachments,
                                                            final IAS4IncomingMessageState state,
                                                            final AS4ErrorList errors)
    {
      // phase4 leaves it to the application to insist on both (and knows no agreement but by the P-Mode's id)
      final String messageId = message.getMessageInfo ().getMessageId ();
      String noncompliance = null;
      if (!state.isSoapSignatureChecked ())
        noncompliance = "the message is not signed";
      else
        if (!attachments.isEmpty () && !state.isSoapDecrypted ())
          noncompliance = "the payloads are not encrypted";
      if (noncompliance != null || refusal != null)
      {
        final EEbmsError error = noncompliance != null ? EEbmsError.EBMS_POLICY_NONCOMPLIANCE : EEbmsError.EBMS_OTHER;
        errors.add (error.errorBuilder (Locale.US)
                         .refToMessageInError (messageId)
                         .errorDetail (noncompliance != null ? noncompliance : refusal)
                         .build ());
        return AS4MessageProcessorResult.createFailure ();
      }
      try
      {
        if (out == null)
          readAll (attachments);
        else
          write (message, attachments, state);
      }
      catch (final ZipException ex)
      {
        // phase4 answers this one with EBMS:0303
        throw new AS4DecompressException (ex);
      }
      catch (final IOException ex)
      {
        throw new UncheckedIOException (ex);
      }
      return AS4MessageProcessorResult.createSuccess ();
    }

    /** phase4 decompresses what is read, not before. */
    private static void readAll (final List <WSS4JAttachment> attachments) throws IOException
    {
      for (final WSS4JAttachment attachment : attachments)
        try (final InputStream in = attachment.getSourceStream ())
        {
          in.transferTo (OutputStream.nullOutputStream ());
        }
    }

    private void write (final Ebms3UserMessage message, final List <WSS4JAttachment> attachments,
                        final IAS4IncomingMessageState state) throws IOException
    {
      final Path target = out.resolve (String.format ("%04d", delivered.incrementAndGet ()));
      final Path folder = Files.createTempDirectory (out, ".new-");
      final JsonArray parts = new JsonArray ();
      for (int i = 0; i < attachments.size (); i++)
      {
        final WSS4JAttachment attachment = attachments.get (i);
        final Path file = folder.resolve ("part-" + (i + 1));
        try (final InputStream in = attachment.getSourceStream ())
        {
          Files.copy (in, file);
        }
        final Ebms3PartInfo info = message.getPayloadInfo ().getPartInfoAtIndex (i);
        parts.add (new JsonObject ().add ("file", file.getFileName ().toString ())
                                    .add ("href", info.getHref ())
                                    .add ("attachment_id", attachment.getId ())
                                    .add ("properties",
                                          info.getPartProperties () == null ? new JsonArray ()
                                                                            : properties (info.getPartProperties ()
                                                                                              .getProperty ())));
      }
      final var collaboration = message.getCollaborationInfo ();
      final JsonObject json = new JsonObject ();
      json.add ("message_id", message.getMessageInfo ().getMessageId ());
      json.add ("ref_to_message_id", message.getMessageInfo ().getRefToMessageId ());
      json.add ("timestamp", message.getMessageInfo ().getTimestamp ().toString ());
      json.add ("from", party (message.getPartyInfo ().getFrom ().getPartyIdAtIndex (0),
                               message.getPartyInfo ().getFrom ().getRole ()));
      json.add ("to", party (message.getPartyInfo ().getTo ().getPartyIdAtIndex (0),
                             message.getPartyInfo ().getTo ().getRole ()));
      json.add ("agreement",
                collaboration.getAgreementRef () == null ? null : collaboration.getAgreementRef ().getValue ());
      json.add ("service", collaboration.getService ().getValue ());
      json.add ("service_type", collaboration.getService ().getType ());
      json.add ("action", collaboration.getAction ());
      json.add ("conversation_id", collaboration.getConversationId ());
      json.add ("properties",
                message.getMessageProperties () == null ? new JsonArray ()
                                                        : properties (message.getMessageProperties ().getProperty ()));
      json.add ("parts", parts);
      json.add ("signer", state.getSigningCertificate ().getSubjectX500Principal ().getName ());
      json.add ("signed", state.isSoapSignatureChecked ());
      json.add ("decrypted", state.isSoapDecrypted ());
      Files.writeString (folder.resolve ("message.json"), json.getAsJsonString ());
      Files.move (folder, target);
    }

    private IJsonObject party (final Ebms3PartyId id, final String role)
    {
      return new JsonObject ().add ("id", id.getValue ()).add ("type", id.getType ()).add ("role", role);
    }

    private JsonArray properties (final List <Ebms3Property> properties)
    {
      final JsonArray array = new JsonArray ();
      for (final Ebms3Property property : properties)
        array.add (new JsonObject ().add ("name", property.getName ())
                                    .add ("type", property.getType ())
                                    .add ("value", property.getValue ()));
      return array;
    }

    @Override
    public AS4SignalMessageProcessorResult processAS4SignalMessage (final IAS4IncomingMessageMetadata metadata,
                                                                    final HttpHeaderMap headers,
                                                                    final Ebms3SignalMessage message,
                                                                    final IPMode pmode,
                                                                    final IAS4IncomingMessageState state,
                                                                    final AS4ErrorList errors)
    {
      return AS4SignalMessageProcessorResult.createSuccess ();
    }

    @Override
    public void processAS4ResponseMessage (final IAS4IncomingMessageMetadata metadata,
                                           final IAS4IncomingMessageState state,
                                           final String responseMessageId,
                                           final byte [] response,
                                           final boolean available,
                                           final AS4ErrorList errors)
    {
      // The answer is kept by the handler below, as it goes to the network
    }
  }

  private static final class Answer implements IAS4ResponseAbstraction
  {
    private int status = 200;
    private String contentType;
    private byte [] content = new byte [0];

    @Override
    public void setContent (final byte [] bytes, final Charset charset)
    {
      content = bytes;
    }

    @Override
    public void setContent (final HttpHeaderMap headers, final IHasInputStream stream)
    {
      throw new UnsupportedOperationException ("one-way push never answers with a MIME message");
    }

    @Override
    public void setMimeType (final IMimeType type)
    {
      contentType = type.getAsString ();
    }

    @Override
    public void setStatus (final int code)
    {
      status = code;
    }
  }

  private final Map <String, Endpoint> endpoints = new ConcurrentHashMap <> ();
  private final Server server = new Server ();
  private final ServerConnector connector = new ServerConnector (server);

  Receiver (final String host, final int port) throws Exception
  {
    connector.setHost (host);
    connector.setPort (port);
    server.addConnector (connector);
    server.setHandler (this);
    server.start ();
  }

  int port ()
  {
    return connector.getLocalPort ();
  }

  void add (final String path, final IJsonObject json) throws Exception
  {
    endpoints.put (path, new Endpoint (json));
  }

  /** The next answers of this endpoint are made, and then lost: the connection is cut in their place. */
  void lose (final String path, final int count)
  {
    endpoints.get (path).answersToLose.set (count);
  }

  int requests (final String path)
  {
    return endpoints.get (path).requests.get ();
  }

  @Override
  public boolean handle (final Request request, final Response response, final Callback callback) throws Exception
  {
    final Endpoint endpoint = endpoints.get (Request.getPathInContext (request));
    if (endpoint == null || !"POST".equals (request.getMethod ()))
    {
      Response.writeError (request, response, callback, endpoint == null ? 404 : 405);
      return true;
    }
    final ByteArrayOutputStream body = new ByteArrayOutputStream ();
    Content.Source.asInputStream (request).transferTo (body);
    final Exchange exchange = endpoint.answer (request, body.toByteArray ());
    keep (endpoint, request, exchange);
    if (endpoint.answersToLose.getAndUpdate (n -> Math.max (0, n - 1)) > 0)
    {
      request.getConnectionMetaData ().getConnection ().getEndPoint ().close ();
      callback.succeeded ();
      return true;
    }
    response.setStatus (exchange.status ());
    if (exchange.contentType () != null)
      response.getHeaders ().put ("Content-Type", exchange.contentType ());
    response.write (true, ByteBuffer.wrap (exchange.answer ()), callback);
    return true;
  }

  private static void keep (final Endpoint endpoint, final Request request, final Exchange exchange) throws Exception
  {
    final String number = String.format ("%04d", endpoint.requests.incrementAndGet ());
    if (endpoint.out == null)
      return;
    final Path folder = Files.createDirectories (endpoint.out.resolve ("wire"));
    final List <String> head = new ArrayList <> ();
    head.add ("POST " + request.getHttpURI ().getPath () + " HTTP/1.1");
    for (final HttpField field : request.getHeaders ())
      head.add (field.getName () + ": " + field.getValue ());
    Files.write (folder.resolve (number + "-request.head"), head);
    Files.write (folder.resolve (number + "-request"), exchange.body ());
    Files.writeString (folder.resolve (number + "-response.head"),
                       exchange.status () + "\n" + exchange.contentType () + "\n");
    Files.write (folder.resolve (number + "-response"), exchange.answer ());
  }

  void close () throws Exception
  {
    server.stop ();
  }
}

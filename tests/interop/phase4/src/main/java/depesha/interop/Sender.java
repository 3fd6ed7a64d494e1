package depesha.interop;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

import org.apache.hc.core5.http.message.BasicClassicHttpResponse;
import org.apache.hc.core5.http.message.StatusLine;
import org.apache.hc.core5.http.HttpVersion;

import com.helger.base.io.stream.HasInputStream;
import com.helger.http.header.HttpHeaderMap;
import com.helger.json.IJson;
import com.helger.json.IJsonArray;
import com.helger.json.IJsonObject;
import com.helger.json.JsonArray;
import com.helger.json.JsonObject;
import com.helger.mime.IMimeType;
import com.helger.mime.parse.MimeTypeParser;
import com.helger.phase4.CAS4;
import com.helger.phase4.attachment.EAS4CompressionMode;
import com.helger.phase4.attachment.IAS4IncomingAttachmentFactory;
import com.helger.phase4.attachment.WSS4JAttachment;
import com.helger.phase4.client.AS4ClientBuiltMessage;
import com.helger.phase4.client.AS4ClientSentMessage;
import com.helger.phase4.client.AS4ClientUserMessage;
import com.helger.phase4.client.IAS4ClientBuildMessageCallback;
import com.helger.phase4.ebms3header.Ebms3Error;
import com.helger.phase4.ebms3header.Ebms3SignalMessage;
import com.helger.phase4.incoming.AS4IncomingHandler;
import com.helger.phase4.incoming.AS4IncomingMessageMetadata;
import com.helger.phase4.incoming.AS4IncomingProfileSelectorConstant;
import com.helger.phase4.incoming.AS4IncomingReceiverConfiguration;
import com.helger.phase4.incoming.IAS4IncomingMessageState;
import com.helger.phase4.incoming.crypto.AS4IncomingSecurityConfiguration;
import com.helger.phase4.model.message.AS4UserMessage;
import com.helger.phase4.model.message.AbstractAS4Message;
import com.helger.phase4.model.message.MessageHelperMethods;
import com.helger.phase4.model.pmode.IPMode;
import com.helger.phase4.sender.IAS4SignalMessageValidationResultHandler;
import com.helger.phase4.sender.ValidatingAS4SignalMsgConsumer;
import com.helger.phase4.util.AS4ResourceHelper;
import com.helger.phase4.util.Phase4Exception;

/** phase4 as a sender: builds, signs, encrypts and posts a user message, and says what it makes of the answer. */
final class Sender
{
  private static final Duration PATIENCE = Duration.ofSeconds (60);
  private static final HttpClient HTTP =
      HttpClient.newBuilder ().version (HttpClient.Version.HTTP_1_1).connectTimeout (PATIENCE).build ();

  private final IJsonObject order;
  private final Suite suite;
  private final Fault fault;
  private final Keys keys;
  private final X509Certificate receiver;
  private final Map <String, byte []> contents = new HashMap <> ();

  Sender (final IJsonObject order) throws Exception
  {
    this.order = order;
    suite = Suite.named (order.getAsString ("suite"));
    fault = Fault.named (order.getAsString ("fault"));
    keys = Keys.load (order.getAsObject ("keys"), Path.of (order.getAsString ("peer_sign_cert")));
    receiver = Keys.certificate (Path.of (order.getAsString ("receiver_cert")));
    if (order.getAsArray ("parts") != null)
      for (final IJson each : order.getAsArray ("parts"))
      {
        final String file = each.getAsObject ().getAsString ("file");
        contents.put (file, Files.readAllBytes (Path.of (file)));
      }
  }

  /** Threads may share a sender: each call builds a message of its own.
   *
   * @return one outcome for each time that the same octets were posted. */
  JsonArray send () throws Exception
  {
    try (final AS4ResourceHelper resources = new AS4ResourceHelper ())
    {
      final AS4ClientUserMessage client = client (resources);
      final String messageId = order.getAsString ("message_id", MessageHelperMethods.createRandomMessageID ());
      final AS4ClientBuiltMessage built = client.buildMessage (messageId, new IAS4ClientBuildMessageCallback ()
      {
        @Override
        public void onAS4Message (final AbstractAS4Message <?> message)
        {
          fault.changeHeader (((AS4UserMessage) message).getEbms3UserMessage ());
        }
      });
      final ByteArrayOutputStream octets = new ByteArrayOutputStream ();
      built.getHttpEntity ().writeTo (octets);
      final byte [] body = octets.toByteArray ();
      fault.changeBody (body);

      final JsonArray outcomes = new JsonArray ();
      for (int i = 0; i < order.getAsInt ("times", 1); i++)
        outcomes.add (post (built, body, client.getPMode (), resources, i + 1));
      return outcomes;
    }
  }

  private AS4ClientUserMessage client (final AS4ResourceHelper resources) throws Exception
  {
    final AS4ClientUserMessage client = new AS4ClientUserMessage (resources);
    final IJsonObject from = order.getAsObject ("from");
    final IJsonObject to = order.getAsObject ("to");
    client.setFromPartyID (from.getAsString ("id"));
    client.setFromPartyIDType (from.getAsString ("type"));
    client.setFromRole (from.getAsString ("role", CAS4.DEFAULT_INITIATOR_URL));
    client.setToPartyID (to.getAsString ("id"));
    client.setToPartyIDType (to.getAsString ("type"));
    client.setToRole (to.getAsString ("role", CAS4.DEFAULT_RESPONDER_URL));
    client.setAgreementRefValue (order.getAsString ("agreement"));
    client.setAgreementTypeValue (order.getAsString ("agreement_type"));
    client.setPModeID (order.getAsString ("pmode"));
    client.setServiceValue (order.getAsString ("service"));
    client.setServiceType (order.getAsString ("service_type"));
    client.setAction (order.getAsString ("action"));
    client.setConversationID (order.getAsString ("conversation_id", MessageHelperMethods.createRandomConversationID ()));
    client.setRefToMessageID (order.getAsString ("ref_to_message_id"));
    if (order.getAsArray ("properties") != null)
      for (final IJson each : order.getAsArray ("properties"))
      {
        final IJsonObject property = each.getAsObject ();
        client.ebms3Properties ()
              .add (MessageHelperMethods.createEbms3Property (property.getAsString ("name"),
                                                              property.getAsString ("type"),
                                                              property.getAsString ("value")));
      }
    final IJsonArray parts = order.getAsArray ("parts");
    if (parts != null)
      for (final IJson each : parts)
        client.addAttachment (attachment (each.getAsObject (), resources));

    client.setPMode (suite.pmode ("sending",
                                  from.getAsString ("id"),
                                  to.getAsString ("id"),
                                  order.getAsString ("agreement"),
                                  order.getAsString ("service"),
                                  order.getAsString ("service_type"),
                                  order.getAsString ("action")),
                     false);
    client.setCryptoFactorySign (keys.sign ());
    client.setCryptoFactoryCrypt (keys.crypt ());
    if (fault != Fault.UNSIGNED)
    {
      suite.setSigning (client.signingParams ());
      client.signingParams ().setWSSecSignatureCustomizer (fault.signatureCustomizer ());
    }
    if (fault != Fault.UNENCRYPTED && parts != null && !parts.isEmpty ())
    {
      suite.setEncryption (client.cryptParams ());
      client.cryptParams ().setCertificate (receiver);
    }
    return client;
  }

  private WSS4JAttachment attachment (final IJsonObject part, final AS4ResourceHelper resources) throws Exception
  {
    final byte [] content = contents.get (part.getAsString ("file"));
    final IMimeType type = MimeTypeParser.parseMimeType (part.getAsString ("media_type"));
    final String characterSet = part.getAsString ("character_set");
    final boolean compress = part.getAsBoolean ("compress", true);
    final boolean damage = fault == Fault.DAMAGED_GZIP;
    final WSS4JAttachment attachment =
        WSS4JAttachment.createOutgoingFileAttachment (content,
                                                      part.getAsString ("content_id"),
                                                      null,
                                                      type,
                                                      compress && !damage ? EAS4CompressionMode.GZIP : null,
                                                      characterSet == null ? null : Charset.forName (characterSet),
                                                      resources);
    if (damage)
    {
      final byte [] damaged = Fault.damagedGzip (content);
      attachment.setCompressionMode (EAS4CompressionMode.GZIP);
      attachment.setSourceStreamProvider (HasInputStream.multiple ( () -> new ByteArrayInputStream (damaged)));
    }
    final IJsonArray properties = part.getAsArray ("properties");
    if (properties != null)
      for (final IJson each : properties)
        attachment.customPartProperties ()
                  .put (each.getAsObject ().getAsString ("name"), each.getAsObject ().getAsString ("value"));
    return attachment;
  }

  private JsonObject post (final AS4ClientBuiltMessage built, final byte [] body, final IPMode pmode,
                           final AS4ResourceHelper resources, final int attempt) throws Exception
  {
    final HttpRequest.Builder request = HttpRequest.newBuilder (URI.create (order.getAsString ("url")))
                                                   .timeout (PATIENCE)
                                                   // a stream of unknown length: chunked, as phase4's own client sends
                                                   .POST (BodyPublishers.ofInputStream ( () -> new ByteArrayInputStream (body)))
                                                   .header ("Content-Type",
                                                            HttpHeaderMap.getUnifiedValue (built.getHttpEntity ()
                                                                                                .getContentType ()));
    if (built.hasCustomHttpHeaders ())
      built.getAllCustomHttpHeaders ().forEachSingleHeader ( (name, value) -> {
        if (!"Content-Type".equalsIgnoreCase (name))
          request.header (name, value);
      }, true);
    final HttpResponse <byte []> response = HTTP.send (request.build (), BodyHandlers.ofByteArray ());

    final JsonObject outcome = new JsonObject ();
    if (order.getAsString ("out") != null)
    {
      final Path out = Files.createDirectories (Path.of (order.getAsString ("out")));
      Files.write (out.resolve ("request-" + attempt), body);
      final Path answer = out.resolve ("response-" + attempt);
      Files.write (answer, response.body ());
      outcome.add ("response_file", answer.toString ());
    }
    outcome.add ("message_id", built.getMessageID ());
    outcome.add ("http_status", response.statusCode ());
    outcome.add ("content_type", response.headers ().firstValue ("Content-Type").orElse (null));
    read (outcome, built, response, pmode, resources);
    return outcome;
  }

  /** phase4 reads the answer: signature, trust, and the references against those that were sent. */
  private void read (final JsonObject outcome, final AS4ClientBuiltMessage built, final HttpResponse <byte []> response,
                     final IPMode pmode, final AS4ResourceHelper resources)
  {
    outcome.add ("kind", "none");
    outcome.add ("signed", false);
    if (response.body ().length == 0)
      return;
    final BasicClassicHttpResponse head = new BasicClassicHttpResponse (response.statusCode ());
    final HttpHeaderMap headers = new HttpHeaderMap ();
    response.headers ().map ().forEach ( (name, values) -> values.forEach (value -> {
      head.addHeader (name, value);
      headers.addHeader (name, value);
    }));
    final AS4ClientSentMessage <byte []> sent =
        new AS4ClientSentMessage <> (built,
                                     new StatusLine (HttpVersion.HTTP_1_1, response.statusCode (), ""),
                                     headers,
                                     response.body ());
    final IAS4SignalMessageValidationResultHandler references = new IAS4SignalMessageValidationResultHandler ()
    {
      @Override
      public void onSuccess ()
      {
        outcome.add ("references", "as sent");
      }

      @Override
      public void onError (final String text)
      {
        outcome.add ("references", text);
      }

      @Override
      public void onNotApplicable ()
      {
        outcome.add ("references", "none");
      }
    };
    try
    {
      AS4IncomingHandler.parseSignalMessage (keys.sign (),
                                             keys.crypt (),
                                             (id, service, action, from, to, ref, address) -> pmode,
                                             IAS4IncomingAttachmentFactory.DEFAULT_INSTANCE,
                                             new AS4IncomingProfileSelectorConstant (null, false),
                                             resources,
                                             pmode,
                                             Locale.US,
                                             AS4IncomingMessageMetadata.createForResponse (built.getMessageID ()),
                                             head,
                                             response.body (),
                                             null,
                                             AS4IncomingSecurityConfiguration.createDefaultInstance (),
                                             new AS4IncomingReceiverConfiguration (),
                                             (signal, metadata, state) -> {
                                               describe (outcome, signal, state);
                                               new ValidatingAS4SignalMsgConsumer (sent,
                                                                                   null,
                                                                                   references).handleSignalMessage (signal,
                                                                                                                    metadata,
                                                                                                                    state);
                                             });
    }
    catch (final Phase4Exception | RuntimeException ex)
    {
      Throwable cause = ex;
      while (cause.getCause () != null)
        cause = cause.getCause ();
      outcome.add ("kind", "unreadable");
      outcome.add ("problem", ex.getMessage () + (cause == ex ? "" : ": " + cause.getMessage ()));
    }
  }

  private static void describe (final JsonObject outcome, final Ebms3SignalMessage signal,
                                final IAS4IncomingMessageState state)
  {
    outcome.add ("signed", state.isSoapSignatureChecked ());
    if (state.getSigningCertificate () != null)
      outcome.add ("signer", state.getSigningCertificate ().getSubjectX500Principal ().getName ());
    outcome.add ("signal_message_id", signal.getMessageInfo ().getMessageId ());
    outcome.add ("ref_to_message_id", signal.getMessageInfo ().getRefToMessageId ());
    outcome.add ("timestamp", signal.getMessageInfo ().getTimestamp ().toString ());
    if (signal.getReceipt () != null)
      outcome.add ("kind", "receipt");
    else
      if (signal.hasErrorEntries ())
      {
        outcome.add ("kind", "errors");
        final JsonArray errors = new JsonArray ();
        for (final Ebms3Error error : signal.getError ())
          errors.add (new JsonObject ().add ("code", error.getErrorCode ())
                                       .add ("short", error.getShortDescription ())
                                       .add ("severity", error.getSeverity ())
                                       .add ("category", error.getCategory ())
                                       .add ("origin", error.getOrigin ())
                                       .add ("detail", error.getErrorDetail ())
                                       .add ("description", error.getDescriptionValue ())
                                       .add ("ref_to_message_in_error", error.getRefToMessageInError ()));
        outcome.add ("errors", errors);
      }
      else
        outcome.add ("kind", "other");
  }
}

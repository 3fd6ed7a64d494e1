package depesha.interop;

import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.List;

import com.helger.json.IJsonObject;
import com.helger.phase4.crypto.AS4CryptoFactoryInMemoryKeyStore;
import com.helger.phase4.crypto.IAS4CryptoFactory;

/** One party's keys as phase4's crypto factories: one pair signs, the other agrees on keys; the peer is trusted directly. */
record Keys (IAS4CryptoFactory sign, IAS4CryptoFactory crypt)
{
  private static final char [] PASSWORD = "in-memory-only".toCharArray ();

  /**
   * @param keys
   *        paths of PEM files: sign_key, sign_cert, kex_key, kex_cert
   * @param peer
   *        the certificate by which the other side signs; nothing else is trusted
   */
  static Keys load (final IJsonObject keys, final Path peer) throws Exception
  {
    final KeyStore trust = KeyStore.getInstance ("PKCS12");
    trust.load (null, PASSWORD);
    trust.setCertificateEntry ("peer", certificate (peer));
    return new Keys (factory (keys, "sign", trust), factory (keys, "kex", trust));
  }

  private static IAS4CryptoFactory factory (final IJsonObject keys, final String use, final KeyStore trust)
                                                                                                            throws Exception
  {
    final KeyStore store = KeyStore.getInstance ("PKCS12");
    store.load (null, PASSWORD);
    store.setKeyEntry ("own",
                       privateKey (Path.of (keys.getAsString (use + "_key"))),
                       PASSWORD,
                       new X509Certificate [] { certificate (Path.of (keys.getAsString (use + "_cert"))) });
    return new AS4CryptoFactoryInMemoryKeyStore (store, "own", PASSWORD, trust);
  }

  static X509Certificate certificate (final Path pem) throws Exception
  {
    return (X509Certificate) CertificateFactory.getInstance ("X.509")
                                               .generateCertificate (new ByteArrayInputStream (Files.readAllBytes (pem)));
  }

  private static PrivateKey privateKey (final Path pem) throws Exception
  {
    final String text = Files.readString (pem).replaceAll ("-----[A-Z ]+-----", "").replaceAll ("\\s", "");
    final PKCS8EncodedKeySpec spec = new PKCS8EncodedKeySpec (Base64.getDecoder ().decode (text));
    GeneralSecurityException last = null;
    for (final String algorithm : List.of ("Ed25519", "X25519", "EC"))
      try
      {
        return KeyFactory.getInstance (algorithm).generatePrivate (spec);
      }
      catch (final InvalidKeySpecException ex)
      {
        last = ex;
      }
    throw new GeneralSecurityException ("neither an Ed25519, an X25519 nor an EC key: " + pem, last);
  }
}

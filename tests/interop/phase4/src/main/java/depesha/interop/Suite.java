package depesha.interop;

import com.helger.base.state.ETriState;
import com.helger.phase4.CAS4;
import com.helger.phase4.crypto.AS4CryptParams;
import com.helger.phase4.crypto.AS4SigningParams;
import com.helger.phase4.crypto.ECryptoAlgorithmCrypt;
import com.helger.phase4.crypto.ECryptoAlgorithmSign;
import com.helger.phase4.crypto.ECryptoAlgorithmSignDigest;
import com.helger.phase4.model.EMEP;
import com.helger.phase4.model.EMEPBinding;
import com.helger.phase4.model.pmode.PMode;
import com.helger.phase4.model.pmode.PModeParty;
import com.helger.phase4.model.pmode.PModePayloadService;
import com.helger.phase4.model.pmode.PModeReceptionAwareness;
import com.helger.phase4.model.pmode.leg.EPModeSendReceiptReplyPattern;
import com.helger.phase4.model.pmode.leg.PModeLeg;
import com.helger.phase4.model.pmode.leg.PModeLegBusinessInformation;
import com.helger.phase4.model.pmode.leg.PModeLegErrorHandling;
import com.helger.phase4.model.pmode.leg.PModeLegProtocol;
import com.helger.phase4.model.pmode.leg.PModeLegReliability;
import com.helger.phase4.model.pmode.leg.PModeLegSecurity;
import com.helger.phase4.wss.EWSSVersion;

/**
 * The two algorithm suites of eDelivery AS4 2.0 (Common Usage Profile 4.2.6 and the alternative with NIST curves), as
 * phase4 wants them: parameters for sending, and a P-Mode against which it checks what it receives.
 */
enum Suite
{
  EDDSA_X25519 ("eddsa-x25519", ECryptoAlgorithmSign.EDDSA_ED25519),
  ECDSA_P256 ("ecdsa-p256", ECryptoAlgorithmSign.ECDSA_SHA_256);

  private final String name;
  private final ECryptoAlgorithmSign signature;

  Suite (final String name, final ECryptoAlgorithmSign signature)
  {
    this.name = name;
    this.signature = signature;
  }

  static Suite named (final String name)
  {
    for (final Suite suite : values ())
      if (suite.name.equals (name))
        return suite;
    throw new IllegalArgumentException ("no suite is named " + name);
  }

  void setSigning (final AS4SigningParams params)
  {
    params.setAlgorithmSign (signature).setAlgorithmSignDigest (ECryptoAlgorithmSignDigest.DIGEST_SHA_256);
  }

  void setEncryption (final AS4CryptParams params)
  {
    params.setAlgorithmCrypt (ECryptoAlgorithmCrypt.AES_128_GCM);
    if (this == EDDSA_X25519)
      params.setEDelivery2KeyAgreementX25519 ();
    else
      params.setEDelivery2KeyAgreementECDHES ();
  }

  /** One-way push, signed receipts with non-repudiation information and errors in the HTTP response. */
  PMode pmode (final String id, final String initiator, final String responder, final String agreement,
               final String service, final String serviceType, final String action)
  {
    final PModeLegSecurity security = new PModeLegSecurity ();
    security.setWSSVersion (EWSSVersion.WSS_111);
    security.setX509SignatureAlgorithm (signature);
    security.setX509SignatureHashFunction (ECryptoAlgorithmSignDigest.DIGEST_SHA_256);
    security.setX509EncryptionAlgorithm (ECryptoAlgorithmCrypt.AES_128_GCM);
    security.setX509EncryptionMinimumStrength (128);
    security.setPModeAuthorize (false);
    security.setSendReceipt (true);
    security.setSendReceiptNonRepudiation (true);
    security.setSendReceiptReplyPattern (EPModeSendReceiptReplyPattern.RESPONSE);

    final PModeLegBusinessInformation business =
        PModeLegBusinessInformation.create (service, action, null, CAS4.DEFAULT_MPC_ID);
    business.setServiceType (serviceType);

    final PModeLegErrorHandling errors =
        new PModeLegErrorHandling (null, null, ETriState.TRUE, ETriState.TRUE, ETriState.TRUE, ETriState.TRUE);
    final PModeLeg leg = new PModeLeg (PModeLegProtocol.createForDefaultSoapVersion (null), business, errors,
                                       (PModeLegReliability) null, security);
    return new PMode (id,
                      PModeParty.createSimple (initiator, CAS4.DEFAULT_INITIATOR_URL),
                      PModeParty.createSimple (responder, CAS4.DEFAULT_RESPONDER_URL),
                      agreement,
                      EMEP.ONE_WAY,
                      EMEPBinding.PUSH,
                      leg,
                      (PModeLeg) null,
                      (PModePayloadService) null,
                      PModeReceptionAwareness.createDefault ());
  }
}

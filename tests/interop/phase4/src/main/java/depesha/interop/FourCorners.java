package depesha.interop;

import java.util.List;

import com.helger.diagnostics.error.SingleError;
import com.helger.diagnostics.error.list.ErrorList;
import com.helger.phase4.CAS4;
import com.helger.phase4.ebms3header.Ebms3Property;
import com.helger.phase4.ebms3header.Ebms3UserMessage;
import com.helger.phase4.mgr.MetaAS4Manager;
import com.helger.phase4.model.pmode.IPModeIDProvider;
import com.helger.phase4.profile.AS4Profile;
import com.helger.phase4.profile.IAS4ProfileValidator;

/**
 * A profile for phase4's profile check: the four-corner topology of eDelivery AS4 2.0. originalSender and finalRecipient
 * must both be there with a value, else phase4 answers EBMS:0010.
 */
final class FourCorners implements IAS4ProfileValidator
{
  static final String ID = "edelivery2-four-corners";

  static void register ()
  {
    MetaAS4Manager.getProfileMgr ()
                  .registerProfile (new AS4Profile (ID,
                                                    "eDelivery AS4 2.0, four corners",
                                                    FourCorners::new,
                                                    (initiator, responder, address) -> null,
                                                    IPModeIDProvider.DEFAULT_DYNAMIC,
                                                    false,
                                                    false));
  }

  @Override
  public void validateUserMessage (final Ebms3UserMessage message, final ErrorList errors)
  {
    final List <Ebms3Property> properties =
        message.getMessageProperties () == null ? List.of () : message.getMessageProperties ().getProperty ();
    for (final String name : List.of (CAS4.ORIGINAL_SENDER, CAS4.FINAL_RECIPIENT))
      if (properties.stream ().noneMatch (p -> name.equals (p.getName ()) &&
                                               p.getValue () != null &&
                                               !p.getValue ().isEmpty ()))
        errors.add (SingleError.builderError ().errorText ("message property " + name + " is missing").build ());
  }
}

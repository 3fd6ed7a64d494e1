package depesha.interop;

import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

import com.helger.json.IJson;
import com.helger.json.IJsonObject;
import com.helger.json.JsonObject;
import com.helger.json.serialize.JsonReader;
import com.helger.phase4.CAS4Version;
import com.helger.phase4.mgr.MetaAS4Manager;
import com.helger.phase4.wss.WSSConfigManager;
import com.helger.scope.mgr.ScopeManager;

/**
 * A phase4 access point for tests. Three ways to run it:
 *
 * <pre>
 * java -jar phase4-peer.jar serve CONFIG.json    receive until ended; CONFIG is a serve order, with host and port
 * java -jar phase4-peer.jar send ORDER.json      send one message, print what came back
 * java -jar phase4-peer.jar drive                one order a line on standard input, one answer a line on standard output
 * </pre>
 *
 * Orders are JSON objects with "op": serve {path, …}, send {…}, load {…}, lose {path, count}, requests {path}, quit.
 * README.md beside the tests lists every field.
 */
public final class Driver
{
  private final String host;
  private final int port;
  private Receiver receiver;

  private Driver (final String host, final int port)
  {
    this.host = host;
    this.port = port;
  }

  private IJsonObject obey (final IJsonObject order) throws Exception
  {
    final JsonObject answer = new JsonObject ();
    final String op = order.getAsString ("op");
    switch (op)
    {
      case "serve" ->
      {
        if (receiver == null)
          receiver = new Receiver (host, port);
        receiver.add (order.getAsString ("path"), order);
        answer.add ("url", "http://" + host + ":" + receiver.port () + order.getAsString ("path"));
      }
      case "send" -> answer.add ("outcomes", new Sender (order).send ());
      case "load" -> answer.addAll (new Load (order).run ());
      case "lose" -> receiver.lose (order.getAsString ("path"), order.getAsInt ("count", 1));
      case "requests" -> answer.add ("requests", receiver.requests (order.getAsString ("path")));
      default -> throw new IllegalArgumentException ("no order is called " + op);
    }
    return answer.add ("ok", true);
  }

  private void drive (final PrintStream out) throws Exception
  {
    out.println (new JsonObject ().add ("ok", true)
                                  .add ("phase4", CAS4Version.BUILD_VERSION)
                                  .add ("java", System.getProperty ("java.version"))
                                  .getAsJsonString ());
    final BufferedReader in = new BufferedReader (new InputStreamReader (System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine (); line != null; line = in.readLine ())
    {
      final IJsonObject order = JsonReader.readFromString (line).getAsObject ();
      if ("quit".equals (order.getAsString ("op")))
        break;
      IJsonObject answer;
      try
      {
        answer = obey (order);
      }
      catch (final Exception ex)
      {
        ex.printStackTrace ();
        answer = new JsonObject ().add ("ok", false).add ("problem", ex.toString ());
      }
      out.println (answer.getAsJsonString ());
    }
    if (receiver != null)
      receiver.close ();
  }

  public static void main (final String [] args) throws Exception
  {
    // Answers have standard output for themselves: whatever libraries print goes to standard error
    final PrintStream out = new PrintStream (new FileOutputStream (FileDescriptor.out), true, StandardCharsets.UTF_8);
    System.setOut (System.err);

    ScopeManager.onGlobalBegin ("phase4-peer");
    MetaAS4Manager.getInstance ();
    WSSConfigManager.getInstance ();
    FourCorners.register ();

    final String mode = args.length == 0 ? "" : args[0];
    switch (mode)
    {
      case "drive" -> new Driver ("127.0.0.1", 0).drive (out);
      case "serve" ->
      {
        final IJsonObject order = read (args[1]);
        final Driver driver = new Driver (order.getAsString ("host", "127.0.0.1"), order.getAsInt ("port", 8080));
        order.add ("op", "serve");
        out.println (driver.obey (order).getAsJsonString ());
        Thread.currentThread ().join ();
      }
      case "send" ->
      {
        final IJsonObject order = read (args[1]);
        order.add ("op", "send");
        out.println (new Driver ("127.0.0.1", 0).obey (order).getAsJsonString ());
      }
      default ->
      {
        System.err.println ("usage: phase4-peer.jar drive | serve CONFIG.json | send ORDER.json");
        System.exit (2);
      }
    }
    System.exit (0);
  }

  private static IJsonObject read (final String file) throws Exception
  {
    final IJson json = JsonReader.readFromString (Files.readString (Path.of (file)));
    if (json == null || !json.isObject ())
      throw new IllegalArgumentException (file + " is no JSON object");
    return json.getAsObject ();
  }
}

package depesha.interop;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

import com.helger.json.IJsonObject;
import com.helger.json.JsonObject;

/** Many messages by one sender, some of them at a time; each is built, signed and encrypted anew, its receipt verified. */
final class Load
{
  private final Sender sender;
  private final int count;
  private final int inFlight;

  Load (final IJsonObject order) throws Exception
  {
    sender = new Sender (order);
    count = order.getAsInt ("count");
    inFlight = order.getAsInt ("in_flight");
  }

  /** @return the seconds that it took, and how many messages had which outcome ("receipt": verified, as sent). */
  IJsonObject run () throws Exception
  {
    final AtomicInteger left = new AtomicInteger (count);
    final Callable <Map <String, Integer>> one = () -> {
      final Map <String, Integer> outcomes = new TreeMap <> ();
      while (left.getAndDecrement () > 0)
        outcomes.merge (outcome (), 1, Integer::sum);
      return outcomes;
    };
    final Map <String, Integer> outcomes = new TreeMap <> ();
    final ExecutorService pool = Executors.newFixedThreadPool (inFlight);
    final long began = System.nanoTime ();
    try
    {
      final List <Future <Map <String, Integer>>> running = new ArrayList <> ();
      for (int i = 0; i < inFlight; i++)
        running.add (pool.submit (one));
      for (final Future <Map <String, Integer>> each : running)
        each.get ().forEach ( (name, n) -> outcomes.merge (name, n, Integer::sum));
    }
    finally
    {
      pool.shutdownNow ();
    }
    final double seconds = (System.nanoTime () - began) / 1e9;
    final JsonObject counted = new JsonObject ();
    outcomes.forEach (counted::add);
    return new JsonObject ().add ("seconds", seconds).add ("outcomes", counted);
  }

  private String outcome () throws Exception
  {
    final IJsonObject answer = sender.send ().getObjectAtIndex (0);
    final String kind = answer.getAsString ("kind");
    if ("receipt".equals (kind) && (!answer.getAsBoolean ("signed", false) ||
                                    !"as sent".equals (answer.getAsString ("references"))))
      return "receipt for something else";
    if ("errors".equals (kind))
      return answer.getAsArray ("errors").getObjectAtIndex (0).getAsString ("code");
    return kind;
  }
}

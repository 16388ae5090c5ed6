import java.io.File;
import java.io.FileInputStream;
import java.net.URI;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import org.apache.activemq.broker.BrokerPlugin;
import org.apache.activemq.broker.BrokerService;
import org.apache.activemq.broker.SslContext;
import org.apache.activemq.broker.region.policy.IndividualDeadLetterStrategy;
import org.apache.activemq.broker.region.policy.PolicyEntry;
import org.apache.activemq.broker.region.policy.PolicyMap;
import org.apache.activemq.command.ActiveMQQueue;
import org.apache.activemq.command.ActiveMQTopic;
import org.apache.activemq.filter.DestinationMapEntry;
import org.apache.activemq.security.AuthenticationUser;
import org.apache.activemq.security.AuthorizationEntry;
import org.apache.activemq.security.AuthorizationPlugin;
import org.apache.activemq.security.DefaultAuthorizationMap;
import org.apache.activemq.security.SimpleAuthenticationPlugin;
import org.apache.activemq.security.TempDestinationAuthorizationEntry;
import org.apache.activemq.store.kahadb.KahaDBPersistenceAdapter;

/**
 * ActiveMQ Classic with STOMP alone, at the addresses that are given: `ActiveMq FOLDER KEYSTORE PASSWORD URI...`. What it
 * keeps is in FOLDER. Users: guest may do all, limited may only read what begins with "open.".
 */
public final class ActiveMq {
  public static void main(String[] args) throws Exception {
    BrokerService broker = new BrokerService();
    broker.setBrokerName("stompede");
    broker.setDataDirectory(args[0]);
    broker.setUseJmx(false);
    broker.setSchedulerSupport(false);
    KahaDBPersistenceAdapter store = new KahaDBPersistenceAdapter();
    store.setDirectory(new File(args[0], "kahadb"));
    store.setJournalMaxFileLength(8 * 1024 * 1024);
    broker.setPersistenceAdapter(store);
    broker.getSystemUsage().getMemoryUsage().setLimit(256L * 1024 * 1024);
    broker.getSystemUsage().getStoreUsage().setLimit(2L * 1024 * 1024 * 1024);
    broker.getSystemUsage().getTempUsage().setLimit(256L * 1024 * 1024);
    broker.setDestinationPolicy(policies());
    broker.setPlugins(new BrokerPlugin[] {users(), rights()});
    broker.setSslContext(tls(args[1], args[2].toCharArray()));
    for (int i = 3; i < args.length; i++) {
      broker.addConnector(new URI(args[i]));
    }
    broker.start();
    System.out.println("started");
    broker.waitUntilStopped();
  }

  /** What is refused goes to DLQ.NAME. Of several messages that wait in a queue, those of a higher priority go first. */
  private static PolicyMap policies() {
    IndividualDeadLetterStrategy letters = new IndividualDeadLetterStrategy();
    letters.setQueuePrefix("DLQ.");
    letters.setUseQueueForQueueMessages(true);
    PolicyEntry entry = new PolicyEntry();
    entry.setQueue(">");
    entry.setDeadLetterStrategy(letters);
    PolicyMap policies = new PolicyMap();
    policies.setPolicyEntries(List.of(entry));
    return policies;
  }

  private static SimpleAuthenticationPlugin users() {
    return new SimpleAuthenticationPlugin(
        List.of(
            new AuthenticationUser("guest", "guest", "users"),
            new AuthenticationUser("limited", "limited", "readers")));
  }

  private static AuthorizationPlugin rights() throws Exception {
    String all = "users,readers";
    List<DestinationMapEntry> entries = new ArrayList<>();
    for (boolean isQueue : new boolean[] {true, false}) {
      entries.add(entry(isQueue, ">", "users", "users", "users"));
      entries.add(entry(isQueue, "open.>", all, "users", all));
    }
    entries.add(entry(false, "ActiveMQ.Advisory.>", all, all, all));
    DefaultAuthorizationMap map = new DefaultAuthorizationMap(entries);
    TempDestinationAuthorizationEntry temporary = new TempDestinationAuthorizationEntry();
    temporary.setRead(all);
    temporary.setWrite(all);
    temporary.setAdmin(all);
    map.setTempDestinationAuthorizationEntry(temporary);
    return new AuthorizationPlugin(map);
  }

  private static AuthorizationEntry entry(boolean isQueue, String name, String read, String write, String admin)
      throws Exception {
    AuthorizationEntry entry = new AuthorizationEntry();
    entry.setDestination(isQueue ? new ActiveMQQueue(name) : new ActiveMQTopic(name));
    entry.setRead(read);
    entry.setWrite(write);
    entry.setAdmin(admin);
    return entry;
  }

  private static SslContext tls(String file, char[] password) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    try (FileInputStream in = new FileInputStream(file)) {
      store.load(in, password);
    }
    KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    keys.init(store, password);
    return new SslContext(keys.getKeyManagers(), null, null);
  }
}

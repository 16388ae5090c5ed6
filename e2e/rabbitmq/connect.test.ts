import { describe, expect, test } from "vitest";
import { ConnectError, ServerError, connect } from "../../src/index.js";
import { CARRIERS, GUEST, TABLE, open } from "./clients.js";
import { failure } from "../support/messages.js";
import { describeRabbitMq, rabbitmq } from "./with-rabbitmq.js";

describeRabbitMq("connecting to RabbitMQ", () => {
  describe.each(TABLE)("over $carrier with STOMP $version", (row) => {
    test("agrees on that version, and tells the broker's name and the session", async () => {
      await using client = await open(row);
      expect(client.state).toBe("connected");
      expect(client.session?.version).toBe(row.version);
      expect(client.session?.server).toMatch(/^RabbitMQ\/\d+\.\d+\.\d+/);
      expect(client.session?.session).toMatch(/^session-./);
    });

    test("is refused with a wrong passcode, and says by whom and why", async () => {
      const error = await failure(open(row, { passcode: "wrong" }));
      expect(error).toBeInstanceOf(ConnectError);
      expect(error).toMatchObject({
        code: "connect",
        stage: "handshake",
        message: `${rabbitmq.endpoints[row.carrier]} refused the connection: Bad CONNECT (Access refused for user 'guest'); check login, passcode and host`,
      });
      const { cause } = error as ConnectError;
      expect(cause).toBeInstanceOf(ServerError);
      expect(cause).toMatchObject({ message: "Bad CONNECT", details: "Access refused for user 'guest'\n" });
      expect(String((cause as ServerError).stack)).not.toContain("wrong");
    });

    test("is refused for a virtual host that does not exist, and for one that the user may not enter", async () => {
      const refused = (details: string): string =>
        `${rabbitmq.endpoints[row.carrier]} refused the connection: Bad CONNECT (${details}); check login, passcode and host`;
      expect(await failure(open(row, { host: "nowhere" }))).toMatchObject({
        code: "connect",
        message: refused("Virtual host 'nowhere' access denied"),
      });
      expect(await failure(open(row, { login: "nobody", passcode: "nobody" }))).toMatchObject({
        code: "connect",
        message: refused("Virtual host '/' access denied"),
      });
    });
  });

  describe.each(CARRIERS)("over %s", (carrier) => {
    test("agrees on the highest version when all are offered", async () => {
      await using client = await connect(rabbitmq.endpoints[carrier], GUEST);
      expect(client.session?.version).toBe("1.2");
    });

    test("agrees on the highest version of those offered, in whatever order", async () => {
      await using client = await connect(rabbitmq.endpoints[carrier], { ...GUEST, versions: ["1.0", "1.1"] });
      expect(client.session?.version).toBe("1.1");
    });

    test("enters another virtual host", async () => {
      await using client = await connect(rabbitmq.endpoints[carrier], { ...GUEST, host: "other" });
      expect(client.state).toBe("connected");
    });

    test("logs in with a backslash and a colon in login and passcode when CONNECT is escaped", async () => {
      const secrets = { login: "back\\slash", passcode: "pa\\ss:word" };
      await using client = await connect(rabbitmq.endpoints[carrier], { ...secrets, escapeConnect: true });
      expect(client.state).toBe("connected");
    });

    test("can be done again after disconnect, with another session", async () => {
      await using client = await connect(rabbitmq.endpoints[carrier], GUEST);
      const first = client.session?.session;
      await client.disconnect();
      expect(client.session).toBeUndefined();
      await client.connect();
      expect(client.session?.session).not.toBe(first);
      await client.send(`/topic/nobody-listens-${process.pid}`, "", { receipt: true });
    });
  });
});

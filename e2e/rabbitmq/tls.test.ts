import { describe, expect, test } from "vitest";
import { ConnectError, type ConnectOptions, connect } from "../../src/index.js";
import { GUEST } from "./clients.js";
import { failure, takeOne } from "../support/messages.js";
import { describeRabbitMq, freshQueue, rabbitmq } from "./with-rabbitmq.js";

describeRabbitMq("TLS with RabbitMQ", () => {
  describe.each(["tls", "wss"] as const)("over %s", (carrier) => {
    test("carries messages when the authority is given", async () => {
      await using client = await connect(rabbitmq.endpoints[carrier], { ...GUEST, tls: { ca: rabbitmq.ca } });
      const destination = freshQueue();
      await client.send(destination, "well kept", { receipt: true });
      expect((await takeOne(await client.subscribe(destination))).text()).toBe("well kept");
    });

    test("carries a body of many TLS records", async () => {
      await using client = await connect(rabbitmq.endpoints[carrier], { ...GUEST, tls: { ca: rabbitmq.ca } });
      const destination = freshQueue();
      const body = new Uint8Array(1_000_000).map((_, index) => index);
      await client.send(destination, body, { receipt: true });
      const message = await takeOne(await client.subscribe(destination));
      expect(Buffer.compare(message.bytes, body)).toBe(0);
    });

    test.each([
      ["no authority is given", (): ConnectOptions => ({})],
      ["another authority is given", (): ConnectOptions => ({ tls: { ca: rabbitmq.otherCa } })],
    ])("is refused when %s", async (_when, options) => {
      const error = await failure(connect(rabbitmq.endpoints[carrier], { ...GUEST, ...options() }));
      expect(error).toBeInstanceOf(ConnectError);
      expect(error).toMatchObject({
        stage: "dial",
        message: `could not connect to ${rabbitmq.endpoints[carrier]}: its certificate is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT); pass the authority that signed it as tls.ca`,
        cause: { code: "DEPTH_ZERO_SELF_SIGNED_CERT" },
      });
    });
  });

  test("is refused where the port speaks it not", async () => {
    const tls = { ca: rabbitmq.ca };
    const target = rabbitmq.endpoints.tcp.replace("stomp:", "stomp+ssl:");
    const error = await failure(connect(target, { ...GUEST, tls, connectTimeout: 3000 }));
    expect(error).toBeInstanceOf(ConnectError);
    expect(String(error)).toContain(`could not connect to ${target}`);
  });

  test("is missed where the port wants it", async () => {
    const target = rabbitmq.endpoints.tls.replace("stomp+ssl:", "stomp:");
    const error = await failure(connect(target, { ...GUEST, connectTimeout: 3000 }));
    expect(error).toMatchObject({ code: "connect", stage: "handshake" });
    expect(String(error)).toContain("TLS");
  });
});

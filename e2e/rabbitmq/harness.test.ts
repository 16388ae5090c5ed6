import { expect, test } from "vitest";
import { rabbitmqctl } from "../brokers/rabbitmq.js";
import { exchange } from "../brokers/ports.js";
import { describeRabbitMq, rabbitmq } from "./with-rabbitmq.js";

describeRabbitMq("the private RabbitMQ", () => {
  test("answers a CONNECT with CONNECTED, and a wrong passcode with ERROR", async () => {
    const connect = (passcode: string): string =>
      `CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:${passcode}\n\n\0`;
    expect(await exchange(rabbitmq.stompPort, connect("guest"), "\0")).toMatch(/^CONNECTED\nserver:RabbitMQ\/3\./);
    expect(await exchange(rabbitmq.stompPort, connect("wrong"), "\0")).toMatch(/^ERROR\nmessage:Bad CONNECT/);
  });

  test("is reached by its own tool", async () => {
    expect(await rabbitmqctl(rabbitmq, "list_users")).toContain("nobody");
  });
});

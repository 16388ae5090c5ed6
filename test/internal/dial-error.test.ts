import { describe, expect, test } from "vitest";
import { ConnectError } from "../../src/errors.js";
import { adviceOn } from "../../src/internal/dial-advice.js";
import { dialError } from "../../src/internal/dial-error.js";

const PEER = "stomp://broker.example:61613";

/** An error as platforms make them: with a code, or without. */
function platformError(message: string, code?: string): Error {
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

describe("dialError", () => {
  test.each<readonly [string, string]>([
    ["ECONNREFUSED", "nobody listens there (ECONNREFUSED); is the broker running, and is this its STOMP port?"],
    [
      "ENOTFOUND",
      "the host name is not known (ENOTFOUND); is it spelt right, and does this machine reach its name server?",
    ],
    ["EAI_AGAIN", "the name server does not answer (EAI_AGAIN); is this machine online?"],
    ["ETIMEDOUT", "the host does not answer (ETIMEDOUT); is the address right, and does a firewall stand in between?"],
    ["EHOSTUNREACH", "there is no route to the host (EHOSTUNREACH); is the address right, and is this machine online?"],
    ["ENETUNREACH", "there is no route to the host (ENETUNREACH); is the address right, and is this machine online?"],
    [
      "EADDRNOTAVAIL",
      "this machine has no such local address (EADDRNOTAVAIL); check localAddress, and whether it has IPv6",
    ],
    ["ENOENT", "there is no such socket (ENOENT); is the broker running, and is the path right?"],
    ["EACCES", "this user may not open the socket (EACCES); check its permissions"],
    ["EPERM", "this user may not open the socket (EPERM); check its permissions"],
    [
      "ECONNRESET",
      "the peer ended the connection before it was open (ECONNRESET); is this its STOMP port, with TLS or without?",
    ],
    ["EPIPE", "the peer ended the connection before it was open (EPIPE); is this its STOMP port, with TLS or without?"],
    [
      "HPE_INVALID_CONSTANT",
      "it does not answer in HTTP there (HPE_INVALID_CONSTANT); is this its STOMP port, and does that want TLS?",
    ],
    ...[
      "DEPTH_ZERO_SELF_SIGNED_CERT",
      "SELF_SIGNED_CERT_IN_CHAIN",
      "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      "UNABLE_TO_GET_ISSUER_CERT",
      "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
      "CERT_SIGNATURE_FAILURE",
    ].map(
      (code) =>
        [code, `its certificate is not trusted (${code}); pass the authority that signed it as tls.ca`] as const,
    ),
    [
      "ERR_TLS_CERT_ALTNAME_INVALID",
      "its certificate is for another host name (ERR_TLS_CERT_ALTNAME_INVALID); connect to a name that it carries, or give that name as tls.servername",
    ],
    ["CERT_HAS_EXPIRED", "its certificate has expired (CERT_HAS_EXPIRED); the broker needs a new one"],
    ["CERT_NOT_YET_VALID", "its certificate is not valid yet (CERT_NOT_YET_VALID); check the clocks of both machines"],
    [
      "ERR_SSL_WRONG_VERSION_NUMBER",
      "it does not speak TLS there (ERR_SSL_WRONG_VERSION_NUMBER); is this its port for TLS?",
    ],
    [
      "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
      "it refused the TLS handshake (ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION); does it want a client certificate (tls.cert and tls.key), or another version of TLS?",
    ],
    ["EMFILE", "what the platform says (EMFILE)"],
  ])("tells what to do about %s", (code, told) => {
    const cause = platformError("what the platform says", code);
    const error = dialError({ peer: PEER, service: "STOMP" }, cause, adviceOn);
    expect(error).toBeInstanceOf(ConnectError);
    expect(error).toMatchObject({ code: "connect", stage: "dial", cause });
    expect(error.message).toBe(`could not connect to ${PEER}: ${told}`);
  });

  test.each([
    [
      "write EPROTO tlsv1 alert unknown ca",
      "it refused the TLS handshake (EPROTO); does it want a client certificate (tls.cert and tls.key), or another version of TLS?",
    ],
    ["write EPROTO wrong version number", "it does not speak TLS there (EPROTO); is this its port for TLS?"],
  ])("tells an alert of TLS from an answer that is no TLS: %s", (message, told) => {
    const error = dialError({ peer: PEER, service: "STOMP" }, platformError(message, "EPROTO"), adviceOn);
    expect(error.message).toBe(`could not connect to ${PEER}: ${told}`);
  });

  test.each([
    ["an error without a code", platformError("no luck"), "no luck"],
    [
      "an error that names its code",
      platformError("EMFILE: too many open files", "EMFILE"),
      "EMFILE: too many open files",
    ],
    ["an error that says nothing", platformError("", "EMFILE"), "the platform gives no reason (EMFILE)"],
    ["an error whose code is a number", Object.assign(new Error("no luck"), { code: 7 }), "no luck"],
    ["an event", { type: "error" }, "the platform gives no reason"],
    ["nothing", undefined, "the platform gives no reason"],
    ["null", null, "the platform gives no reason"],
  ])("gives what there is of %s", (_, cause, told) => {
    expect(dialError({ peer: PEER, service: "STOMP" }, cause, adviceOn).message).toBe(
      `could not connect to ${PEER}: ${told}`,
    );
  });

  test("asks for the service that was expected at the port", () => {
    const error = dialError({ peer: "ws://h/ws", service: "WebSocket" }, platformError("", "ECONNREFUSED"), adviceOn);
    expect(error.message).toMatch(/is this its WebSocket port\?$/);
  });
});

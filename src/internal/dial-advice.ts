/** What to do when a connection could not be opened, by the codes of Node's errors. Browsers have no such codes, and do not load this. */
import type { DialAdvice } from "./dial-error.js";

/** Says what to do about an error of Node's. */
export const adviceOn: DialAdvice = (code, message, service) => {
  switch (code) {
    case "ECONNREFUSED":
      return `nobody listens there (${code}); is the broker running, and is this its ${service} port?`;
    case "ENOTFOUND":
      return `the host name is not known (${code}); is it spelt right, and does this machine reach its name server?`;
    case "EAI_AGAIN":
      return `the name server does not answer (${code}); is this machine online?`;
    case "ETIMEDOUT":
      return `the host does not answer (${code}); is the address right, and does a firewall stand in between?`;
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return `there is no route to the host (${code}); is the address right, and is this machine online?`;
    case "EADDRNOTAVAIL":
      return `this machine has no such local address (${code}); check localAddress, and whether it has IPv6`;
    case "ENOENT":
      return `there is no such socket (${code}); is the broker running, and is the path right?`;
    case "EACCES":
    case "EPERM":
      return `this user may not open the socket (${code}); check its permissions`;
    case "ECONNRESET":
    case "EPIPE":
      return `the peer ended the connection before it was open (${code}); is this its ${service} port, with TLS or without?`;
    default:
      // A refusal of Node's HTTP parser, where it speaks of a WebSocket handshake.
      if (code.startsWith("HPE_"))
        return `it does not answer in HTTP there (${code}); is this its ${service} port, and does that want TLS?`;
      return code.startsWith("ERR_SSL_") || code === "EPROTO" ? adviceOnTls(code, message) : adviceOnCertificate(code);
  }
};

function adviceOnCertificate(code: string): string | undefined {
  switch (code) {
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "CERT_SIGNATURE_FAILURE":
      return `its certificate is not trusted (${code}); pass the authority that signed it as tls.ca`;
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `its certificate is for another host name (${code}); connect to a name that it carries, or give that name as tls.servername`;
    case "CERT_HAS_EXPIRED":
      return `its certificate has expired (${code}); the broker needs a new one`;
    case "CERT_NOT_YET_VALID":
      return `its certificate is not valid yet (${code}); check the clocks of both machines`;
    default:
      return undefined;
  }
}

function adviceOnTls(code: string, message: string): string {
  // A TLS alert is the peer's refusal; anything else here is an answer that is no TLS at all. EPROTO can be either.
  return code.includes("ALERT") || message.includes("alert")
    ? `it refused the TLS handshake (${code}); does it want a client certificate (tls.cert and tls.key), or another version of TLS?`
    : `it does not speak TLS there (${code}); is this its port for TLS?`;
}

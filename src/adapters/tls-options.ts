/** PEM, or several of them. */
export type Pem = string | Uint8Array | readonly (string | Uint8Array)[];

/** Options of TLS, as Node's `tls.connect` has them. Written out here, since the types of Node are not there in a browser. */
export interface TlsOptions {
  /** The authorities to trust, as PEM, instead of the well-known ones. */
  readonly ca?: Pem;
  /** The client's certificate, as PEM. */
  readonly cert?: Pem;
  /** The key of the client's certificate, as PEM. */
  readonly key?: Pem;
  /** What decrypts `key`. */
  readonly passphrase?: string;
  /** The name that the server's certificate must carry, also sent as SNI. @default the host name of the target */
  readonly servername?: string;
  /** Refuse a certificate that does not verify. @default true */
  readonly rejectUnauthorized?: boolean;
  /** Any other option of `tls.connect`, handed on as it is. */
  readonly [option: string]: unknown;
}

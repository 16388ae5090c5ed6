/** Certificates for tests, made anew in each run: nothing that could expire lies in the repository. */
import { generate } from "selfsigned";

/** A certificate with its key, both PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** Make a self-signed certificate for `localhost`, 127.0.0.1 and ::1, or for the names given. */
export async function certificate(
  options: { names?: readonly string[]; from?: Date; until?: Date } = {},
): Promise<Certificate> {
  const names = options.names ?? ["localhost"];
  const addresses = options.names === undefined ? ["127.0.0.1", "::1"] : [];
  const { cert, private: key } = await generate([{ name: "commonName", value: names[0] ?? "localhost" }], {
    keyType: "ec",
    algorithm: "sha256",
    ...(options.from === undefined ? {} : { notBeforeDate: options.from }),
    ...(options.until === undefined ? {} : { notAfterDate: options.until }),
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      {
        name: "subjectAltName",
        altNames: [
          ...names.map((value) => ({ type: 2, value }) as const),
          ...addresses.map((ip) => ({ type: 7, ip }) as const),
        ],
      },
    ],
  });
  return { cert, key };
}

/** When a stream of Node has written what it was given. */

/** As much of a Writable as is needed: this file is for all platforms. */
interface WritableLike {
  readonly writable: boolean;
  readonly writableLength: number;
  readonly destroyed: boolean;
  write(chunk: string, done: () => void): unknown;
  once(event: "finish" | "close", listener: () => void): unknown;
}

/** Resolves once all that was written to `stream` before the call is handed to the system, or once the stream is gone. */
export function streamFlushed(stream: WritableLike): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      resolve();
    };
    if (stream.writableLength === 0 || stream.destroyed) done();
    // Its callback comes after those of all writes before it.
    else if (stream.writable) stream.write("", done);
    else {
      // A stream that is ended takes no more writes, not even an empty one.
      stream.once("finish", done);
      stream.once("close", done);
    }
  });
}

/** A way to a port that a test can cut. */
import { once } from "node:events";
import { type AddressInfo, type Socket, connect, createServer } from "node:net";

export class Gate implements AsyncDisposable {
  readonly #server = createServer((near) => {
    this.#pass(near);
  });
  readonly #sockets = new Set<Socket>();
  readonly #target: number;
  #isCut = false;

  private constructor(target: number) {
    this.#target = target;
  }

  /** Lead to a port of the loopback interface. */
  static async to(target: number): Promise<Gate> {
    const gate = new Gate(target);
    gate.#server.listen(0, "127.0.0.1");
    await once(gate.#server, "listening");
    return gate;
  }

  /** The port that leads there. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port; // it listens to a port
  }

  /** Break all connections, and every one that is tried from now on. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Let connections through again. */
  mend(): void {
    this.#isCut = false;
  }

  #pass(near: Socket): void {
    if (this.#isCut) {
      near.resetAndDestroy();
      return;
    }
    const far = connect(this.#target, "127.0.0.1");
    near.pipe(far).pipe(near);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => undefined); // a "close" follows
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }
}

import { Writable } from "node:stream";

/**
 * The stdin of a container, through all its runs: what attached clients write waits until it runs, and until it takes
 * more.
 */
export class Stdin {
  readonly #once: boolean;
  #target: Writable | undefined;
  #arrived: (() => void)[] = [];
  #ended = false;

  /** `once`: it ends with the first client that ends its own. */
  constructor(once: boolean) {
    this.#once = once;
  }

  /** The run that begins reads from `target`. */
  connect(target: Writable): void {
    this.#target = target;
    target.on("error", () => this.disconnect());
    for (const arrived of this.#arrived.splice(0)) arrived();
    if (this.#ended) target.end();
  }

  /** The run is over: what is written from now on is for the next. */
  disconnect(): void {
    this.#target?.destroy();
    this.#target = undefined;
    this.#ended = false;
  }

  /** Gives up those who still wait: the container does not run again. */
  abandon(): void {
    this.disconnect();
    for (const arrived of this.#arrived.splice(0)) arrived();
  }

  /** A client's end of it. */
  open(): Writable {
    return new Writable({
      write: (bytes: Buffer, _encoding, done) => {
        this.#ready(() => this.#write(bytes, done));
      },
      final: (done) => {
        if (this.#once) {
          this.#ended = true;
          this.#target?.end();
        }
        done();
      },
    });
  }

  #ready(act: () => void): void {
    if (this.#target === undefined) this.#arrived.push(act);
    else act();
  }

  #write(bytes: Buffer, done: () => void): void {
    const target = this.#target;
    // It has ended: as with a pipe whose reader is gone, but nobody is to be told.
    if (target === undefined || target.destroyed) {
      done();
      return;
    }
    let finished = false;
    const finish = (): void => {
      if (finished) return;
      finished = true;
      target.off("close", finish);
      done();
    };
    target.once("close", finish);
    target.write(bytes, finish);
  }
}

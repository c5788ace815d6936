import { Readable } from "node:stream";

export type StreamName = "stdout" | "stderr";

/** Where output comes from; it can be asked to wait. */
interface Source {
  pause(): unknown;
  resume(): unknown;
}

/** Takes what a container writes; a promise asks to wait with more until it is resolved. */
export type Consumer = (stream: StreamName, bytes: Buffer) => undefined | Promise<void>;

/**
 * Passes the output of one run of a container on to all who want it, no faster than the slowest takes it: what they do
 * not take stays in the FIFO, and in the end makes the container wait.
 */
export class Fanout {
  readonly #consumers = new Set<Consumer>();
  readonly #sources = new Set<Source>();
  #busy = 0;

  /** Calls `consumer` with all output from now on; the answer ends that. */
  add(consumer: Consumer): () => void {
    this.#consumers.add(consumer);
    return () => {
      this.#consumers.delete(consumer);
    };
  }

  /** Lets `source` go on as long as all have taken what came before; it passes on what it reads by {@link pass}. */
  addSource(source: Source): void {
    this.#sources.add(source);
    if (this.#busy === 0) source.resume();
  }

  removeSource(source: Source): void {
    this.#sources.delete(source);
  }

  /** Passes on what a source has read. */
  pass(stream: StreamName, bytes: Buffer): void {
    for (const consumer of this.#consumers) {
      const patience = consumer(stream, bytes);
      if (patience !== undefined) this.#wait(patience);
    }
  }

  /** True while somebody has not taken all that was passed on. */
  get busy(): boolean {
    return this.#busy > 0;
  }

  #wait(patience: Promise<void>): void {
    this.#busy += 1;
    if (this.#busy === 1) for (const source of this.#sources) source.pause();
    const done = (): void => {
      this.#busy -= 1;
      if (this.#busy === 0) for (const source of this.#sources) source.resume();
    };
    patience.then(done, done);
  }
}

/** A consumer that is a pair of readable streams, as a client attached to the container has them. */
export class Tap {
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly #wanted = new Map<Readable, () => void>();

  constructor() {
    this.stdout = this.#stream();
    this.stderr = this.#stream();
  }

  readonly take: Consumer = (name, bytes) => {
    const stream = name === "stdout" ? this.stdout : this.stderr;
    if (stream.destroyed || stream.push(bytes)) return undefined;
    return new Promise((resolve) => {
      const waiting = this.#wanted.get(stream);
      this.#wanted.set(stream, () => {
        waiting?.();
        resolve();
      });
    });
  };

  /** Nothing more comes. */
  end(): void {
    for (const stream of [this.stdout, this.stderr]) if (!stream.destroyed) stream.push(null);
  }

  /** Nobody reads any more: what is waiting waits no longer. */
  drop(): void {
    for (const stream of [this.stdout, this.stderr]) stream.destroy();
  }

  #stream(): Readable {
    const stream: Readable = new Readable({
      read: () => this.#release(stream),
      destroy: (error, done) => {
        this.#release(stream);
        done(error);
      },
    });
    return stream;
  }

  #release(stream: Readable): void {
    const release = this.#wanted.get(stream);
    this.#wanted.delete(stream);
    release?.();
  }
}

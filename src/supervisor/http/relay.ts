import type { Duplex, Readable, Writable } from "node:stream";
import { type FramedStream, frameHeader } from "./frames.ts";

/** How long a client that has got everything has to close the connection, in milliseconds. */
const lingerMs = 1_000;

/** The streams of a process that a client is connected to. */
export interface Streams {
  /** All output is on stdout, and is passed on as it is; else it goes in frames. */
  readonly terminal: boolean;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly stdin: Writable | undefined;
  /** The client is not told of the end of the output before this is resolved: it asks how it ended then. */
  readonly over?: Promise<unknown> | undefined;
}

/** Which of the streams the client asked for. */
export interface Wanted {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** Passes output on, no faster than the client takes it; calls `done` when all of it has ended. */
function passOutput(connection: Duplex, streams: Streams, wanted: Wanted, done: () => void): void {
  const names: readonly FramedStream[] = ["stdout", "stderr"];
  let open = names.length;
  const each = (act: (source: Readable) => void): void => {
    act(streams.stdout);
    act(streams.stderr);
  };
  connection.on("drain", () => each((source) => source.resume()));
  for (const name of ["stdout", "stderr"] as const) {
    const source = streams[name];
    source.on("data", (bytes: Buffer) => {
      // What nobody wants is read all the same: the process must not wait for it.
      if (connection.destroyed || !wanted[name]) return;
      connection.cork();
      if (!streams.terminal) connection.write(frameHeader(name, bytes.length));
      const room = connection.write(bytes);
      connection.uncork();
      if (!room) each((other) => other.pause());
    });
    source.on("error", () => source.destroy());
    source.once("close", () => {
      open -= 1;
      if (open === 0) done();
    });
  }
}

/** Passes what the client says on to stdin, and its end; what nobody takes is read all the same, to see the end. */
function passInput(connection: Duplex, stdin: Writable | undefined): void {
  if (stdin === undefined) {
    connection.resume();
    return;
  }
  const discard = (): void => {
    connection.unpipe(stdin);
    connection.resume();
  };
  stdin.once("error", discard);
  stdin.once("close", discard);
  connection.pipe(stdin);
}

/** Ends the connection when the client has got everything, though it may still be writing. */
function finish(connection: Duplex): void {
  if (connection.destroyed) return;
  connection.unpipe();
  // A connection that is closed with something unread fails at the other side, before its reader has got everything.
  connection.resume();
  connection.end(() => {
    const linger = setTimeout(() => connection.destroy(), lingerMs);
    connection.once("close", () => clearTimeout(linger));
  });
}

/**
 * Connects a client to the streams of a process, each direction with its own end, until the output has ended or the
 * client has gone; `gone` is called in the end, once.
 */
export function relay(connection: Duplex, streams: Streams, wanted: Wanted, gone: () => void): void {
  if (connection.destroyed) {
    gone();
    return;
  }
  connection.once("close", gone);
  passOutput(connection, streams, wanted, () => {
    const end = (): void => finish(connection);
    if (streams.over === undefined) end();
    else streams.over.then(end, end);
  });
  passInput(connection, wanted.stdin ? streams.stdin : undefined);
}

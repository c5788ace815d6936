import { spawn } from "node:child_process";
import { hasErrno, SetupError, UsageError } from "../../core/errors.ts";
import { ByteReader } from "./byte-reader.ts";

interface Compression {
  readonly magic: readonly number[];
  readonly name: string;
  /** Debian's package of the program that takes it away; undefined: Node can. */
  readonly from?: string;
}

/** What a stream begins with when it is compressed. */
const compressions: readonly Compression[] = [
  { magic: [0x1f, 0x8b], name: "gzip" },
  { magic: [0x42, 0x5a, 0x68], name: "bzip2", from: "bzip2" },
  { magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a], name: "xz", from: "xz-utils" },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], name: "zstd", from: "zstd" },
];

/** The most that is kept of what a program complains of. */
const mostComplaint = 2_000;

/** What `program -dc` makes of a stream. @throws SetupError where it is missing, UsageError for what it cannot read */
async function* byProgram(
  { name, from }: Compression,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer> {
  const { Readable, pipeline } = await import("node:stream");
  const child = spawn(name, ["-dc"], { env: { PATH: process.env["PATH"] }, cwd: "/" });
  const over = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  over.catch(() => undefined);
  let complaint = "";
  child.stderr.on("data", (part: Buffer) => {
    if (complaint.length < mostComplaint) complaint += part.toString();
  });
  let failure: Error | undefined;
  pipeline(Readable.from(source), child.stdin, (error) => {
    // A program that has seen enough closes its stdin: what it says of that counts.
    if (error && !hasErrno(error, "EPIPE", "ERR_STREAM_PREMATURE_CLOSE", "ENOENT")) failure = error;
  });
  try {
    for await (const part of child.stdout) yield part as Buffer;
    const code = await over;
    if (failure !== undefined) throw failure;
    if (code !== 0) {
      const [line = ""] = complaint.trim().split("\n");
      throw new UsageError(`tar stream: cannot be uncompressed: ${line === "" ? `${name} failed` : line}`);
    }
  } catch (error) {
    if (!hasErrno(error, "ENOENT")) throw error;
    throw new SetupError(
      `tar stream: compressed with ${name}, and there is no such program here: install ${from}, or uncompress it first`,
      { cause: error },
    );
  } finally {
    child.kill("SIGKILL");
  }
}

/** The stream itself, uncompressed where it is compressed: with gzip, or, by their programs, with bzip2, xz or zstd. */
export async function expand(reader: ByteReader): Promise<ByteReader> {
  const start = await reader.exactly(5);
  reader.unread(start);
  const found = compressions.find(({ magic }) => magic.every((byte, i) => start[i] === byte));
  if (found === undefined) return reader;
  if (found.from !== undefined) return new ByteReader(byProgram(found, reader.remainder()));
  const [{ createGunzip }, { Readable, pipeline }] = await Promise.all([
    import("node:zlib"),
    import("node:stream"),
  ]);
  const unzipped = createGunzip();
  // A failure of either is thrown where the stream is read.
  pipeline(Readable.from(reader.remainder()), unzipped, () => undefined);
  return new ByteReader(unzipped);
}

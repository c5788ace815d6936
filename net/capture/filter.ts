import { spawnSync } from "node:child_process";
import { hasErrno, SetupError, UsageError } from "../../src/core/errors.ts";

/** A filter in the language of pcap-filter(7), compiled. */
export interface Filter {
  readonly text: string;
  /** struct sock_filter each: code u16@0 · jump if true u8@2 · if false u8@3 · operand u32@4. */
  readonly instructions: Uint8Array;
}

function encode(lines: readonly string[]): Uint8Array {
  const bytes = Buffer.alloc(8 * lines.length);
  for (const [at, line] of lines.entries()) {
    const [code, whenTrue, whenFalse, operand] = line.split(" ").map(Number);
    if (code === undefined || whenTrue === undefined || whenFalse === undefined || operand === undefined)
      throw new SetupError(`tcpdump -ddd: ${JSON.stringify(line)}: expected four numbers`);
    bytes.writeUInt16LE(code, 8 * at);
    bytes.writeUInt8(whenTrue, 8 * at + 2);
    bytes.writeUInt8(whenFalse, 8 * at + 3);
    bytes.writeUInt32LE(operand, 8 * at + 4);
  }
  return bytes;
}

/** BPF_RET | BPF_K: lets through so many bytes of every packet; 0 none. */
export function passBytes(length: number): Uint8Array {
  return encode([`6 0 0 ${length}`]);
}

/**
 * Compiles the text of a filter with tcpdump(8), for an interface of the thread's network namespace; undefined: for any
 * that has an Ethernet header. tcpdump only compiles: nothing is captured by it.
 * @throws UsageError when there is no tcpdump, or it does not understand the text.
 */
export function compileFilter(text: string, ifname: string | undefined, snapLength: number): Filter {
  const place = ifname === undefined ? ["-y", "EN10MB"] : ["-i", ifname];
  const { error, status, stdout, stderr } = spawnSync(
    "tcpdump",
    ["-ddd", "-s", String(snapLength), ...place, "--", text],
    { encoding: "utf8", env: { ...process.env, LC_ALL: "C" } },
  );
  if (hasErrno(error, "ENOENT")) {
    throw new UsageError(
      `filter: ${text}: tcpdump is needed to compile it (Debian: apt-get install tcpdump); without a filter none is needed`,
    );
  }
  if (error !== undefined) throw new SetupError(`tcpdump: ${error.message}`, { cause: error });
  if (status !== 0) {
    const said = stderr
      .trim()
      .split("\n")
      .at(-1)
      ?.replace(/^tcpdump: /, "");
    throw new UsageError(`filter: ${text}: ${said ?? "tcpdump cannot compile it"}`);
  }
  const [, ...lines] = stdout.trim().split("\n");
  return { text, instructions: encode(lines) };
}

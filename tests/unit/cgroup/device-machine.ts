/** What a process wants to do with a device, as the kernel asks the program. */
export interface DeviceRequest {
  readonly type: "b" | "c";
  readonly major: number;
  readonly minor: number;
  /** Some of `rwm`, or nothing. */
  readonly access: string;
}

const bits: Readonly<Record<string, number>> = { m: 1, r: 2, w: 4 };

/** Runs a device program as the kernel would: the few instructions that ours consist of, with 64-bit registers. */
export function runDeviceProgram(program: Uint8Array, request: DeviceRequest): boolean {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const access = [...request.access].reduce((sum, letter) => sum | (bits[letter] ?? 0), 0);
  const context = [((access << 16) | (request.type === "b" ? 1 : 2)) >>> 0, request.major, request.minor];
  const registers: bigint[] = Array.from({ length: 11 }, () => 0n);
  const low = (register: number): number => Number(BigInt.asUintN(32, registers[register] ?? 0n));
  for (let at = 0; ; at += 1) {
    // The verifier refuses loops, and a run off the end.
    if (at * 8 >= program.length) throw new Error("ran off the end");
    const code = view.getUint8(at * 8);
    const pair = view.getUint8(at * 8 + 1);
    const [dst, src] = [pair & 15, pair >> 4];
    const off = view.getInt16(at * 8 + 2, true);
    const imm = view.getInt32(at * 8 + 4, true);
    if (off < 0) throw new Error("jumps backwards");
    switch (code) {
      case 0x61: {
        const word = context[off / 4];
        if (src !== 1 || word === undefined) throw new Error(`loads from ${src}+${off}`);
        registers[dst] = BigInt(word);
        break;
      }
      case 0x05:
        at += off;
        break;
      case 0x46:
        if ((low(dst) & imm) !== 0) at += off;
        break;
      case 0x54:
        registers[dst] = BigInt((low(dst) & imm) >>> 0);
        break;
      case 0x56:
        if (low(dst) !== imm >>> 0) at += off;
        break;
      case 0x74:
        registers[dst] = BigInt(low(dst) >>> imm);
        break;
      case 0x95:
        return registers[0] !== 0n;
      case 0xb7:
        registers[dst] = BigInt(imm);
        break;
      case 0xbf:
        registers[dst] = registers[src] ?? 0n;
        break;
      default:
        throw new Error(`unknown instruction 0x${code.toString(16)}`);
    }
  }
}

/** One instruction of classic BPF. */
export type Instruction = readonly [code: number, jt: number, jf: number, k: number];

/** Codes of include/uapi/linux/bpf_common.h, as far as filters of our own need them. */
export const bpf = {
  /** Loads the word at `k` of struct seccomp_data. */
  load: 0x20,
  jumpEqual: 0x15,
  jumpGreater: 0x25,
  jumpGreaterEqual: 0x35,
  return: 0x06,
} as const;

/** Where struct seccomp_data has the number of the call and AUDIT_ARCH_*. */
export const dataAt = { number: 0, arch: 4 } as const;

/** SECCOMP_RET_* of include/uapi/linux/seccomp.h. */
export const answer = {
  allow: 0x7fff0000,
  errno: (errno: number): number => 0x00050000 + errno,
} as const;

/** struct sock_filter: code u16@0 · jt u8@2 · jf u8@3 · k u32@4 */
export function assemble(instructions: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(instructions.length * 8);
  instructions.forEach(([code, jt, jf, k], i) => {
    bytes.writeUInt16LE(code, i * 8);
    bytes.writeUInt8(jt, i * 8 + 2);
    bytes.writeUInt8(jf, i * 8 + 3);
    bytes.writeUInt32LE(k, i * 8 + 4);
  });
  return bytes;
}

/** What a filter sees of a system call: struct seccomp_data of include/uapi/linux/seccomp.h. */
export interface SystemCall {
  /** AUDIT_ARCH_* */
  readonly arch: number;
  readonly nr: number;
  readonly args?: readonly bigint[];
}

/**
 * Runs a classic BPF program as the kernel's seccomp does and returns its SECCOMP_RET_* value. Knows only what the
 * kernel allows in a filter (kernel/seccomp.c seccomp_check_filter) and refuses the rest.
 */
export function runFilter(program: Uint8Array, { arch, nr, args = [] }: SystemCall): number {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, nr >>> 0, true);
  data.setUint32(4, arch >>> 0, true);
  args.forEach((value, i) => {
    data.setBigUint64(16 + 8 * i, BigInt.asUintN(64, value), true);
  });
  const code = new DataView(program.buffer, program.byteOffset, program.length);
  let accumulator = 0;
  for (let pc = 0; pc * 8 < program.length; pc++) {
    const at = pc * 8;
    const [operation, jt, jf, k] = [
      code.getUint16(at, true),
      code.getUint8(at + 2),
      code.getUint8(at + 3),
      code.getUint32(at + 4, true),
    ];
    const jump = (taken: boolean): void => {
      pc += taken ? jt : jf;
    };
    switch (operation) {
      case 0x20: // BPF_LD|BPF_W|BPF_ABS
        accumulator = data.getUint32(k, true);
        break;
      case 0x54: // BPF_ALU|BPF_AND|BPF_K
        accumulator = (accumulator & k) >>> 0;
        break;
      case 0x05: // BPF_JMP|BPF_JA
        pc += k;
        break;
      case 0x15: // BPF_JEQ
        jump(accumulator === k);
        break;
      case 0x25: // BPF_JGT
        jump(accumulator > k);
        break;
      case 0x35: // BPF_JGE
        jump(accumulator >= k);
        break;
      case 0x45: // BPF_JSET
        jump((accumulator & k) !== 0);
        break;
      case 0x06: // BPF_RET|BPF_K
        return k;
      default:
        throw new Error(`instruction ${pc}: code 0x${operation.toString(16)}`);
    }
  }
  throw new Error("the program ran off its end");
}

const returns: Readonly<Record<number, string>> = {
  [0x7fff0000]: "allow",
  [0x00050001]: "EPERM",
  [0x00050026]: "ENOSYS",
  [0x00000000]: "kill",
  [0x7ffc0000]: "log",
};

/** The decision by its name: `allow`, `EPERM`, `ENOSYS`, `kill`, `log`, else the number. */
export function decision(program: Uint8Array, call: SystemCall): string {
  const value = runFilter(program, call);
  return returns[value] ?? `0x${value.toString(16)}`;
}

/** AUDIT_ARCH_* of include/uapi/linux/audit.h */
const archX64 = 0xc000003e;
export const archX86 = 0x40000003;
const archArm64 = 0xc00000b7;
const archArm = 0x40000028;

/** This machine's own, and the 32-bit one it runs as well. */
export const nativeArch: number = process.arch === "arm64" ? archArm64 : archX64;
export const compatArch: number = process.arch === "arm64" ? archArm : archX86;

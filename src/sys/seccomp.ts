import { closeSync, readFileSync, readSync } from "node:fs";
import { SetupError } from "../core/errors.ts";
import { call } from "./call.ts";
import { errnoName } from "./errno.ts";
import type { NativeFunction } from "./native.ts";
import { koffi, library } from "./native.ts";

/** enum scmp_filter_attr of seccomp.h. */
export const SCMP_FLTATR_CTL_OPTIMIZE = 8;

/** What libseccomp answers for a name that no machine has; pseudo numbers of other machines are below it. */
const NR_SCMP_ERROR = -1;
const MFD_CLOEXEC = 1;
/** struct scmp_arg_cmp: arg u32@0 · op u32@4 · datum_a u64@8 · datum_b u64@16 */
const ARGUMENT_SIZE = 24;

/** One comparison of a system call's argument; `op` is enum scmp_compare. */
export interface ArgumentComparison {
  readonly index: number;
  readonly op: number;
  readonly a: bigint;
  readonly b: bigint;
}

interface Functions {
  readonly version: NativeFunction;
  readonly init: NativeFunction;
  readonly release: NativeFunction;
  readonly resolve: NativeFunction;
  readonly resolveNumber: NativeFunction;
  readonly addArchitecture: NativeFunction;
  readonly setAttribute: NativeFunction;
  readonly addRule: NativeFunction;
  readonly export: NativeFunction;
}

let functions: Functions | undefined;

function seccomp(): Functions {
  if (functions !== undefined) return functions;
  let native: ReturnType<typeof library>;
  try {
    native = library("libseccomp.so.2");
  } catch (cause) {
    throw new SetupError("libseccomp.so.2 is not installed (Debian: apt-get install libseccomp2)", { cause });
  }
  functions = {
    version: native.func("const void *seccomp_version()"),
    init: native.func("void *seccomp_init(uint32_t def_action)"),
    release: native.func("void seccomp_release(void *ctx)"),
    resolve: native.func("int seccomp_syscall_resolve_name_arch(uint32_t arch_token, const char *name)"),
    resolveNumber: native.func("const char *seccomp_syscall_resolve_num_arch(uint32_t arch_token, int num)"),
    addArchitecture: native.func("int seccomp_arch_add(void *ctx, uint32_t arch_token)"),
    setAttribute: native.func("int seccomp_attr_set(void *ctx, int attr, uint32_t value)"),
    addRule: native.func(
      "int seccomp_rule_add_array(void *ctx, uint32_t action, int syscall, unsigned int arg_cnt, const void *args)",
    ),
    export: native.func("int seccomp_export_bpf(void *ctx, int fd)"),
  };
  return functions;
}

/** libseccomp's version, as `2.5.4`. */
export function libseccompVersion(): string {
  const numbers = koffi().decode(seccomp().version(), "unsigned int", 3) as ArrayLike<number>;
  return Array.from(numbers).join(".");
}

/** The file libseccomp was loaded from, or undefined where /proc does not tell. */
export function libseccompPath(): string | undefined {
  seccomp();
  return /\S*\/libseccomp\.so\S*/.exec(readFileSync("/proc/self/maps", "utf8"))?.[0];
}

/**
 * The number of a system call on the machine `arch` (AUDIT_ARCH_*); negative when only other machines have it;
 * undefined when this libseccomp does not know the name.
 */
export function resolveSyscall(arch: number, name: string): number | undefined {
  const number = Number(seccomp().resolve(arch, name));
  return number === NR_SCMP_ERROR ? undefined : number;
}

/** A filter being built. Native calls return -errno; EEXIST and EDOM are the caller's to judge. */
export class SeccompFilter implements Disposable {
  #context: unknown;

  /** Begins with this machine's architecture and `defaultAction` for every call. */
  constructor(defaultAction: number) {
    this.#context = seccomp().init(defaultAction);
    if (this.#context === null) throw new SetupError(`seccomp_init 0x${defaultAction.toString(16)}: failed`);
  }

  /** Filters calls of another architecture too (AUDIT_ARCH_*). Once added it stays added. */
  addArchitecture(arch: number): void {
    const result = Number(seccomp().addArchitecture(this.#context, arch));
    if (result < 0 && errnoName(-result) !== "EEXIST") this.#fail("seccomp_arch_add", result);
  }

  /** Sets an attribute; false where this libseccomp does not know it. */
  setAttribute(attribute: number, value: number): boolean {
    return Number(seccomp().setAttribute(this.#context, attribute, value)) === 0;
  }

  /** Adds `action` for calls of `syscall` whose arguments pass all of `args`. */
  addRule(action: number, syscall: number, args: readonly ArgumentComparison[], name: string): void {
    const wire = Buffer.alloc(Math.max(1, args.length) * ARGUMENT_SIZE);
    args.forEach(({ index, op, a, b }, i) => {
      const at = i * ARGUMENT_SIZE;
      wire.writeUInt32LE(index, at);
      wire.writeUInt32LE(op, at + 4);
      wire.writeBigUInt64LE(a, at + 8);
      wire.writeBigUInt64LE(b, at + 16);
    });
    const result = Number(seccomp().addRule(this.#context, action, syscall, args.length, wire));
    // The same rule twice changes nothing.
    if (result < 0 && errnoName(-result) !== "EEXIST") this.#fail(`seccomp_rule_add ${name}`, result);
  }

  /** The filter as an array of struct sock_filter, 8 bytes each. */
  export(): Uint8Array {
    const fd = call(
      "int memfd_create(const char *name, unsigned int flags)",
      ["mdocker-seccomp", MFD_CLOEXEC],
      {
        call: "memfd_create",
      },
    );
    try {
      const result = Number(seccomp().export(this.#context, fd));
      if (result < 0) this.#fail("seccomp_export_bpf", result);
      // BPF_MAXINSNS instructions are all that the kernel takes.
      const bytes = Buffer.alloc(4096 * 8 + 1);
      const length = readSync(fd, bytes, 0, bytes.length, 0);
      if (length > 4096 * 8) throw new SetupError("the seccomp filter is longer than 4096 instructions");
      return Uint8Array.prototype.slice.call(bytes, 0, length);
    } finally {
      closeSync(fd);
    }
  }

  #fail(call: string, result: number): never {
    throw new SetupError(`${call}: ${errnoName(-result)}`);
  }

  [Symbol.dispose](): void {
    if (this.#context === null) return;
    seccomp().release(this.#context);
    this.#context = null;
  }
}

/** Token of libseccomp for the machine we run on. */
const SCMP_ARCH_NATIVE = 0;
const syscallNames = new Map<string, string>();

/**
 * The name of a system call by its number on the machine `arch` (AUDIT_ARCH_*; this one without); `syscall 999` for one
 * that libseccomp does not know.
 */
export function syscallName(number: number, arch: number = SCMP_ARCH_NATIVE): string {
  const key = `${arch} ${number}`;
  let name = syscallNames.get(key);
  if (name === undefined) {
    const found: unknown = seccomp().resolveNumber(arch, number);
    name = typeof found === "string" ? found : `syscall ${number}`;
    syscallNames.set(key, name);
  }
  return name;
}

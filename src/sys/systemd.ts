import { existsSync } from "node:fs";
import { SetupError } from "../core/errors.ts";
import { errnoName } from "./errno.ts";
import type { NativeFunction } from "./native.ts";
import { koffi, library } from "./native.ts";

/** How long an answer may take, in µs. */
const patience = 10_000_000;
/** struct sd_bus_error: const char *name@0 · const char *message@8 · int need_free@16 */
const ERROR_SIZE = 24;
/** TasksMax=infinity. */
const UINT64_MAX = 2n ** 64n - 1n;

const service = "org.freedesktop.systemd1";
const object = "/org/freedesktop/systemd1";
const manager = "org.freedesktop.systemd1.Manager";

/** A value of D-Bus with its signature. */
type Value =
  | readonly ["s", string]
  | readonly ["b", boolean]
  | readonly ["t", bigint]
  | readonly ["au", readonly number[]];

interface Functions {
  readonly make: NativeFunction;
  readonly setAddress: NativeFunction;
  readonly setClient: NativeFunction;
  readonly start: NativeFunction;
  readonly close: NativeFunction;
  readonly newCall: NativeFunction;
  readonly append: NativeFunction;
  readonly open: NativeFunction;
  readonly shut: NativeFunction;
  readonly call: NativeFunction;
  readonly unref: NativeFunction;
  readonly freeError: NativeFunction;
}

let functions: Functions | undefined;

function sdBus(): Functions {
  if (functions !== undefined) return functions;
  let native: ReturnType<typeof library>;
  try {
    native = library("libsystemd.so.0");
  } catch (cause) {
    throw new SetupError("libsystemd.so.0 is not installed (Debian: apt-get install libsystemd0)", { cause });
  }
  functions = {
    make: native.func("int sd_bus_new(_Out_ void **ret)"),
    setAddress: native.func("int sd_bus_set_address(void *bus, const char *address)"),
    setClient: native.func("int sd_bus_set_bus_client(void *bus, int b)"),
    start: native.func("int sd_bus_start(void *bus)"),
    close: native.func("void *sd_bus_flush_close_unref(void *bus)"),
    newCall: native.func(
      "int sd_bus_message_new_method_call(void *bus, _Out_ void **m, const char *destination, const char *path, const char *interface, const char *member)",
    ),
    append: native.func("int sd_bus_message_append_basic(void *m, char type, const void *p)"),
    open: native.func("int sd_bus_message_open_container(void *m, char type, const char *contents)"),
    shut: native.func("int sd_bus_message_close_container(void *m)"),
    call: native.func(
      "int sd_bus_call(void *bus, void *m, uint64_t usec, void *ret_error, _Out_ void **reply)",
    ),
    unref: native.func("void *sd_bus_message_unref(void *m)"),
    freeError: native.func("void sd_bus_error_free(void *e)"),
  };
  return functions;
}

type Property = readonly [string, Value];

/** systemd has refused: `name` is D-Bus's, as `org.freedesktop.systemd1.UnitExists`. */
export class SystemdError extends SetupError {
  readonly busName: string;
  constructor(busName: string, message: string) {
    super(`systemd: ${message}`);
    this.busName = busName;
  }
}

function check(what: string, result: unknown): number {
  const value = Number(result);
  if (value < 0) throw new SystemdError("", `${what}: ${errnoName(-value)}`);
  return value;
}

/** A message under construction. */
class Message {
  readonly #handle: unknown;
  constructor(handle: unknown) {
    this.#handle = handle;
  }
  basic(type: "s" | "b" | "u" | "t", bytes: Buffer): void {
    check("sd_bus_message_append_basic", sdBus().append(this.#handle, type.charCodeAt(0), bytes));
  }
  text(text: string): void {
    this.basic("s", Buffer.from(`${text}\0`));
  }
  within(type: "a" | "r" | "v", contents: string, fill: () => void): void {
    check("sd_bus_message_open_container", sdBus().open(this.#handle, type.charCodeAt(0), contents));
    fill();
    check("sd_bus_message_close_container", sdBus().shut(this.#handle));
  }
  numbers(values: readonly number[]): void {
    this.within("a", "u", () => {
      for (const value of values) this.number("u", value);
    });
  }
  value([type, value]: Value): void {
    if (type === "s") this.text(value);
    else if (type === "au") this.numbers(value);
    else this.number(type, value);
  }
  properties(properties: readonly Property[]): void {
    this.within("a", "(sv)", () => {
      for (const [name, value] of properties)
        this.within("r", "sv", () => {
          this.text(name);
          this.within("v", value[0], () => this.value(value));
        });
    });
  }
  number(type: "b" | "u" | "t", value: boolean | bigint | number): void {
    // A boolean is an int here (sd_bus_message_append_basic(3)).
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    this.basic(type, bytes);
  }
}

/** Where a manager of systemd's may be reached, the documented way first. */
function addressesOf(
  user: boolean,
  env: NodeJS.ProcessEnv,
): { readonly path: string; readonly bus: boolean }[] {
  const runtime = env["XDG_RUNTIME_DIR"] ?? "/nowhere";
  const places = user
    ? [
        { path: `${runtime}/bus`, bus: true },
        { path: `${runtime}/systemd/private`, bus: false },
      ]
    : [
        { path: "/run/dbus/system_bus_socket", bus: true },
        { path: "/run/systemd/private", bus: false },
      ];
  return places.filter(({ path }) => existsSync(path));
}

function connect(path: string, bus: boolean): unknown {
  const made: unknown[] = [null];
  check("sd_bus_new", sdBus().make(made));
  const [handle] = made;
  try {
    // Whatever else is special in an address (D-Bus specification, "Server Addresses").
    const address = path.replace(/[^\w/.-]/g, (char) =>
      [...Buffer.from(char)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""),
    );
    check(path, sdBus().setAddress(handle, `unix:path=${address}`));
    check(path, sdBus().setClient(handle, Number(bus)));
    check(path, sdBus().start(handle));
    return handle;
  } catch (error) {
    sdBus().close(handle);
    throw error;
  }
}

/**
 * The service manager of the host, or of the user (`systemd --user`), spoken to by D-Bus through libsystemd:
 * org.freedesktop.systemd1(5), sd-bus(3). Calls wait for the answer, for ten seconds at the most.
 */
export class SystemdManager implements Disposable {
  readonly #bus: unknown;

  /** @throws SetupError when it cannot be reached */
  constructor(user: boolean, env: NodeJS.ProcessEnv = process.env) {
    let failure: unknown;
    for (const { path, bus } of addressesOf(user, env)) {
      try {
        this.#bus = connect(path, bus);
        return;
      } catch (error) {
        failure = error;
      }
    }
    if (failure !== undefined) throw failure;
    const where = user ? "XDG_RUNTIME_DIR/bus" : "/run/dbus/system_bus_socket";
    throw new SystemdError("", `it cannot be asked: there is no ${where}`);
  }

  #call(member: string, fill: (message: Message) => void): void {
    const made: unknown[] = [null];
    check(member, sdBus().newCall(this.#bus, made, service, object, manager, member));
    const [handle] = made;
    const error = Buffer.alloc(ERROR_SIZE);
    try {
      fill(new Message(handle));
      const reply: unknown[] = [null];
      const result = Number(sdBus().call(this.#bus, handle, patience, error, reply));
      if (reply[0] !== null) sdBus().unref(reply[0]);
      if (result >= 0) return;
      const text = (at: number): string =>
        error.readBigUInt64LE(at) === 0n ? "" : String(koffi().decode(error, at, "const char *"));
      const why = text(8) || errnoName(-result);
      throw new SystemdError(text(0), `${member}: ${why}`);
    } finally {
      sdBus().freeError(error);
      sdBus().unref(handle);
    }
  }

  /**
   * Asks for a scope of processes that are there, whose cgroup is left to us (Delegate=yes, systemd.resource-control(5)).
   * It is there a little later: /proc/PID/cgroup tells. @throws SystemdError `...UnitExists` when there is one already
   */
  startScope(unit: string, slice: string, description: string, pids: readonly number[]): void {
    const properties: readonly Property[] = [
      ["Description", ["s", description]],
      ["Slice", ["s", slice]],
      ["Delegate", ["b", true]],
      ["TasksMax", ["t", UINT64_MAX]],
      ["CollectMode", ["s", "inactive-or-failed"]],
      ["PIDs", ["au", pids]],
    ];
    this.#call("StartTransientUnit", (message) => {
      message.text(unit);
      message.text("fail");
      message.properties(properties);
      message.within("a", "(sa(sv))", () => undefined);
    });
  }

  /** Changes properties that are amounts, until the next boot: `max` is infinity. */
  setProperties(unit: string, amounts: readonly (readonly [string, bigint | "max"])[]): void {
    this.#call("SetUnitProperties", (message) => {
      message.text(unit);
      message.number("b", true);
      message.properties(
        amounts.map(([name, amount]) => [name, ["t", amount === "max" ? UINT64_MAX : amount]]),
      );
    });
  }

  /** False when it has ended, or could not be started. */
  knows(unit: string): boolean {
    try {
      this.#call("GetUnit", (message) => message.text(unit));
      return true;
    } catch (error) {
      if (error instanceof SystemdError && error.busName.endsWith(".NoSuchUnit")) return false;
      throw error;
    }
  }

  /** Puts processes of ours into `group` of a unit's delegated cgroup, from where we could not do so ourselves. */
  attach(unit: string, group: string, pids: readonly number[]): void {
    this.#call("AttachProcessesToUnit", (message) => {
      message.text(unit);
      message.text(group);
      message.numbers(pids);
    });
  }

  [Symbol.dispose](): void {
    sdBus().close(this.#bus);
  }
}

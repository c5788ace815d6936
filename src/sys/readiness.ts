import { SyscallError } from "../core/errors.ts";
import { errnoName } from "./errno.ts";
import { koffi, type NativeFunction, ownLibrary } from "./native.ts";

/** uv_handle_type and uv_poll_event of libuv's uv.h, whose ABI is the same for all of libuv 1. */
const UV_POLL = 8;
const UV_READABLE = 1;
const UV_PRIORITIZED = 8;

interface Loop {
  readonly address: unknown;
  readonly handleSize: number;
  readonly init: NativeFunction;
  readonly start: NativeFunction;
  readonly stop: NativeFunction;
  readonly close: NativeFunction;
  readonly unref: NativeFunction;
  /** C functions that call the entries of {@link watched} and {@link closing}. */
  readonly onReady: unknown;
  readonly onClosed: unknown;
}

let loop: Loop | undefined;
const watched = new Map<bigint, () => void>();
/** Handles that libuv still knows: they must stay in memory until it has let them go. */
const closing = new Map<bigint, unknown>();

/** Node's own event loop, by the libuv that is in this very process. */
function theLoop(): Loop {
  if (loop !== undefined) return loop;
  const { proto, pointer, register, address } = koffi();
  const own = ownLibrary();
  const callback = pointer(proto("void mdocker_uv_poll_cb(void *handle, int status, int events)"));
  const closed = pointer(proto("void mdocker_uv_close_cb(void *handle)"));
  loop = {
    address: own.func("void *uv_default_loop()")(),
    handleSize: Number(own.func("size_t uv_handle_size(int type)")(UV_POLL)),
    init: own.func("int uv_poll_init(void *loop, void *handle, int fd)"),
    start: own.func("int uv_poll_start(void *handle, int events, mdocker_uv_poll_cb *callback)"),
    stop: own.func("int uv_poll_stop(void *handle)"),
    close: own.func("void uv_close(void *handle, mdocker_uv_close_cb *callback)"),
    unref: own.func("void uv_unref(void *handle)"),
    onReady: register((handle: unknown) => watched.get(address(handle))?.(), callback),
    onClosed: register((handle: unknown) => {
      const memory = closing.get(address(handle));
      closing.delete(address(handle));
      if (memory !== undefined) koffi().free(memory);
    }, closed),
  };
  return loop;
}

/**
 * Calls `onReadable` in a turn of the event loop whenever there is something to read from `fd`, or its end, again and
 * again until it has been read: for descriptors that Node has no streams for, and where nothing may be read before it
 * is wanted. Does not keep the process alive. The answer ends it; that must come before `fd` is closed.
 * @throws SyscallError for what cannot be waited for, or is watched already.
 */
export function watchReadable(fd: number, onReadable: () => void): () => void {
  return watchFor(fd, UV_READABLE, onReadable);
}

/** The same for what comes out of turn (POLLPRI): pressure of the kernel's measuring that has passed a mark. */
export function watchPriority(fd: number, onPriority: () => void): () => void {
  return watchFor(fd, UV_PRIORITIZED, onPriority);
}

function watchFor(fd: number, events: number, onReady: () => void): () => void {
  const {
    init,
    start,
    stop,
    close,
    unref,
    handleSize,
    address: loopAddress,
    onReady: ready,
    onClosed,
  } = theLoop();
  const { alloc, free, address } = koffi();
  const handle: unknown = alloc("uint8_t", handleSize);
  const refuse = (call: string, result: number): never => {
    throw new SyscallError({ call, errno: errnoName(-result), subject: `descriptor ${fd}` });
  };
  const made = Number(init(loopAddress, handle, fd));
  if (made !== 0) {
    free(handle);
    return refuse("uv_poll_init", made);
  }
  const key = address(handle);
  const end = (): void => {
    if (!watched.delete(key)) return;
    stop(handle);
    closing.set(key, handle);
    close(handle, onClosed);
  };
  let pending = false;
  // Node does not know of this call: what it does after its own, promises among it, comes with the immediate, in the
  // same turn.
  watched.set(key, () => {
    if (pending) return;
    pending = true;
    setImmediate(() => {
      pending = false;
      if (watched.has(key)) onReady();
    });
  });
  unref(handle);
  const started = Number(start(handle, events, ready));
  if (started !== 0) {
    end();
    return refuse("uv_poll_start", started);
  }
  return end;
}

import type { Socket } from "node:net";
import { isHungUp } from "../../sys/poll.ts";

/** How often it is looked whether a client that has ended its direction is still there, in milliseconds. */
const lookMs = 2_000;

/** Connections whose clients have ended their direction. Nothing tells us when such a client goes: it is looked. */
const halfOpen = new Set<Socket>();
let timer: NodeJS.Timeout | undefined;

function fdOf(socket: Socket): number | undefined {
  const { _handle: handle } = socket as unknown as { readonly _handle?: { readonly fd?: unknown } | null };
  return typeof handle?.fd === "number" && handle.fd >= 0 ? handle.fd : undefined;
}

/** Destroys the connection when its client is gone. */
function look(socket: Socket): void {
  const fd = fdOf(socket);
  if (fd !== undefined && isHungUp(fd)) socket.destroy();
}

function lookAtAll(): void {
  for (const socket of halfOpen) look(socket);
}

/**
 * Sees to it that `socket` is destroyed when its client closes it, also after the client has ended its own direction and
 * while there is nothing to be written to it. Only for unix sockets.
 */
export function noticeLeaving(socket: Socket): void {
  socket.once("end", () => {
    look(socket);
    if (socket.destroyed) return;
    halfOpen.add(socket);
    timer ??= setInterval(lookAtAll, lookMs);
  });
  socket.once("close", () => {
    halfOpen.delete(socket);
    if (halfOpen.size > 0 || timer === undefined) return;
    clearInterval(timer);
    timer = undefined;
  });
}

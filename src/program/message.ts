import { errnoName } from "../sys/errno.ts";
import { layout, messageType } from "./layout.ts";
import { type PartName, type Program, parts, type Step } from "./step.ts";

/** What launcher, monitor, child and command tell the parent. */
export type Message =
  | { readonly kind: "cloned"; readonly pid: number }
  | { readonly kind: "failed"; readonly part: PartName; readonly step: number; readonly errno: string }
  /** How long a step took, in nanoseconds. `step` counts through all parts. */
  | { readonly kind: "timed"; readonly step: number; readonly nanoseconds: number }
  /** Wait status as of wait(2). */
  | { readonly kind: "exited"; readonly status: number };

/** Reads one message at `offset`. Throws on a type it does not know: init and parent are of different builds. */
export function decodeMessage(data: Uint8Array, offset = 0): Message {
  const view = new DataView(data.buffer, data.byteOffset + offset, layout.messageSize);
  const type = view.getUint32(0, true);
  switch (type) {
    case messageType.cloned:
      return { kind: "cloned", pid: Number(view.getBigInt64(16, true)) };
    case messageType.exited:
      return { kind: "exited", status: Number(view.getBigInt64(16, true)) };
    case messageType.timed:
      return {
        kind: "timed",
        step: view.getUint32(8, true),
        nanoseconds: Number(view.getBigInt64(16, true)),
      };
    case messageType.failed: {
      const part = parts[view.getUint32(4, true)];
      if (part === undefined) break;
      return {
        kind: "failed",
        part,
        step: view.getUint32(8, true),
        errno: errnoName(view.getInt32(12, true)),
      };
    }
    default:
      break;
  }
  throw new Error(`message of unknown type ${type} from init`);
}

/** The step that a failure message is about. */
export function failedStep(
  program: Program,
  message: Extract<Message, { kind: "failed" }>,
): Step | undefined {
  let first = 0;
  for (const part of parts) {
    if (part === message.part) return program.parts[part][message.step - first];
    first += program.parts[part].length;
  }
  return undefined;
}

/** The exit code that a shell would show for a wait status: the command's own, or 128 and the signal. */
export function exitCodeOf(status: number): number {
  const signal = status & 0x7f;
  return signal === 0 ? (status >> 8) & 0xff : 128 + signal;
}

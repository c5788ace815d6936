import { SetupError } from "../core/errors.ts";
import { bootId, isAlive, type ProcessIdentity } from "../sys/process.ts";
import type { ContainerRecord } from "./record.ts";

/** The record of a container is there, but says nothing to this mdocker. */
export class UnreadableRecordError extends SetupError {
  readonly id: string;
  constructor(id: string, why: string, options?: ErrorOptions) {
    super(`record of container ${id.slice(0, 12)} ${why}: mdocker gc removes it when it has ended`, options);
    this.id = id;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What a record says, as far as every mdocker, also one to come, keeps to it. */
type Loose = Readonly<Record<string, unknown>>;

function loosely(text: string): Loose | undefined {
  const found = parse(text);
  return typeof found === "object" && found !== null && !Array.isArray(found) ? (found as Loose) : undefined;
}

/** The record of container `id`. @throws UnreadableRecordError */
export function parseRecord(text: string, id: string): ContainerRecord {
  const found = loosely(text);
  if (found === undefined)
    throw new UnreadableRecordError(
      id,
      parse(text) === undefined ? "is not JSON" : "is not a container's record",
    );
  if (found["version"] !== 1)
    throw new UnreadableRecordError(id, `is of version ${String(found["version"])}, not 1`);
  // Both become paths.
  if (found["id"] !== id || typeof found["name"] !== "string")
    throw new UnreadableRecordError(id, "is another container's");
  return found as unknown as ContainerRecord;
}

/** Whether a record that cannot be read names a process of this boot that lives. */
export function namesLivingProcess(text: string): boolean {
  const { bootId: boot, owner, monitor, init } = loosely(text) ?? {};
  if (boot !== bootId()) return false;
  return [owner, monitor, init].some((process) => {
    const { pid, startTime } = (process ?? {}) as Partial<ProcessIdentity>;
    return typeof pid === "number" && typeof startTime === "string" && isAlive({ pid, startTime });
  });
}

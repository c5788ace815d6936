import type { Forwarder, Server } from "./forwarder.ts";
import type { Asker, Reply } from "./listener.ts";
import {
  type Answer,
  type Query,
  readQuery,
  responseCode,
  roomOf,
  writeAnswer,
  writeFormatError,
} from "./message.ts";

/** Types that ask for whole zones (RFC 5936, RFC 1995): there are none to be had. */
const transfers: ReadonlySet<number> = new Set([251, 252]);

/** The code of an answer that says no more: to what is not to be done for anybody. */
function refusal({ opcode, edns, type }: Query): number | undefined {
  if (opcode !== 0) return responseCode.notImplemented;
  if ((edns?.version ?? 0) > 0) return responseCode.badVersion;
  return transfers.has(type) ? responseCode.refused : undefined;
}

/**
 * What is said to one message, whatever it is.
 * @param find What we know ourselves, or whom to ask.
 */
export function answerMessage(
  message: Buffer,
  asker: Asker,
  find: (query: Query) => Answer | readonly Server[],
  forwarder: Forwarder,
): Reply {
  const query = readQuery(message);
  if (query === undefined) return undefined;
  if (query === "malformed") return writeFormatError(message);
  const room = asker.tcp ? 65_535 : roomOf(query);
  const refused = refusal(query);
  if (refused !== undefined) return writeAnswer(query, { code: refused }, room);
  const found = find(query);
  if ("code" in found) return writeAnswer(query, found, room);
  // Who does not want us to ask others gets nothing else.
  if (!query.recursion) return writeAnswer(query, { code: responseCode.refused }, room);
  return forwarder.ask(query, found, asker.address, asker.tcp);
}

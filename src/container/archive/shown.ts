import { pathText, type RawPath } from "../../core/raw-path.ts";

/** A name somebody else chose, for a message: of bounded length, and nothing in it that a terminal would act on. */
export function shown(name: RawPath): string {
  const text = pathText(name).replaceAll(/\p{C}/gu, "?");
  return text.length <= 200 ? text : `${text.slice(0, 150)}…${text.slice(-40)}`;
}

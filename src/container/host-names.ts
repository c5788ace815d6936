import type { ContainerRecord } from "./record.ts";

/** What a container is called on a network: its name first, then aliases, host name and short id, each once. */
export function namesOf(
  { id, name }: Pick<ContainerRecord, "id" | "name">,
  hostname: string | undefined,
  aliases: readonly string[] | undefined,
): string[] {
  const names = [name, ...(aliases ?? []), hostname ?? "", id.slice(0, 12)];
  return [...new Set(names)].filter((one) => one !== "");
}

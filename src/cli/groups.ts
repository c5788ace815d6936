import { UsageError } from "../core/errors.ts";
import { shown } from "./flags.ts";

const containerCommands =
  "attach cp create diff events exec export inspect kill logs pause port prune ps rename restart rm run start stats stop top unpause update wait";
const own = (names: string): [string, string][] => names.split(" ").map((name) => [name, name]);

/** docker's groups of commands, whose members are commands of their own here; some by other names. */
const groups: Readonly<Record<string, ReadonlyMap<string, string>>> = {
  container: new Map([...own(containerCommands), ["ls", "ps"], ["list", "ps"], ["remove", "rm"]]),
  system: new Map(own("info events prune")),
};

/** The command that a word means in a group: `container ls` is `ps`. @throws UsageError when it is none of it. */
export function memberOf(group: string, word: string | undefined): string {
  const member = word === undefined ? undefined : groups[group]?.get(word);
  if (member !== undefined) return member;
  const names = [...(groups[group]?.keys() ?? [])].join(", ");
  const what = word === undefined ? group : `${group} ${shown(word)}`;
  throw new UsageError(`${what}: expected one of ${names}`);
}

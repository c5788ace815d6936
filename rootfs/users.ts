import { UsageError } from "../src/core/errors.ts";
import { readTextInLayers } from "./lookup.ts";

/** Who the command of a container runs as. */
export interface ContainerUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  /** Home directory of /etc/passwd; `/` for a user it does not have. */
  readonly home: string;
  /** Login name, when /etc/passwd has one. */
  readonly name?: string;
}

export interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

export interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** The kernel's -1 means "unchanged"; docker's limit is 2^31 - 1. */
const maxId = 0x7fffffff;

function parseId(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= maxId ? id : undefined;
}

/** The fields of each line that is no comment and has a name. */
function entriesOf(text: string | undefined): string[][] {
  if (text === undefined) return [];
  const entries = text.split("\n").map((line) => line.trim().split(":"));
  return entries.filter(([name]) => name !== "" && name?.[0] !== "#");
}

/** The entries of an /etc/passwd (passwd(5)); lines that are none are passed over, as the C library does. */
export function parsePasswd(text: string | undefined): PasswdEntry[] {
  const users: PasswdEntry[] = [];
  for (const fields of entriesOf(text)) {
    const uid = parseId(fields[2]);
    const gid = parseId(fields[3]);
    if (uid === undefined || gid === undefined) continue;
    users.push({ name: fields[0] ?? "", uid, gid, home: fields[5] || "/" });
  }
  return users;
}

/** The entries of an /etc/group (group(5)). */
export function parseGroup(text: string | undefined): GroupEntry[] {
  const groups: GroupEntry[] = [];
  for (const fields of entriesOf(text)) {
    const gid = parseId(fields[2]);
    if (gid === undefined) continue;
    const members = (fields[3] ?? "").split(",").filter((member) => member !== "");
    groups.push({ name: fields[0] ?? "", gid, members });
  }
  return groups;
}

/** Names come before numbers, as for docker: a user may be called `1000`. */
function findUser(entries: readonly PasswdEntry[], text: string): PasswdEntry | undefined {
  return entries.find(({ name }) => name === text) ?? entries.find(({ uid }) => uid === parseId(text));
}

function findGroup(groups: readonly GroupEntry[], text: string, option: string): number {
  const gid = groups.find(({ name }) => name === text)?.gid ?? parseId(text);
  if (gid === undefined) throw new UsageError(`${option}: no group ${text} in /etc/group of the image`);
  return gid;
}

/** Picks a user from the two files. Pure; see {@link lookupUser}. */
export function chooseUser(
  passwd: readonly PasswdEntry[],
  groups: readonly GroupEntry[],
  spec: string,
  extraGroups: readonly string[],
): ContainerUser {
  const colon = spec.indexOf(":");
  const userText = colon < 0 ? spec : spec.slice(0, colon);
  const groupText = colon < 0 ? "" : spec.slice(colon + 1);
  const entry = findUser(passwd, userText === "" ? "0" : userText);
  const uid = entry?.uid ?? (userText === "" ? 0 : parseId(userText));
  if (uid === undefined) {
    const isNumber = /^-?\d+$/.test(userText);
    throw new UsageError(
      isNumber
        ? `--user: ${userText}: expected a uid from 0 to ${maxId}`
        : `--user: no user ${userText} in /etc/passwd of the image`,
    );
  }
  const gid = groupText === "" ? (entry?.gid ?? 0) : findGroup(groups, groupText, "--user");
  // A group that was asked for stands alone; without one the user's memberships count.
  const own =
    groupText === "" && entry !== undefined ? groups.filter((g) => g.members.includes(entry.name)) : [];
  const extra = extraGroups.map((text) => findGroup(groups, text, "--group-add"));
  const additional = new Set([...own.map((group) => group.gid), ...extra]);
  return {
    uid,
    gid,
    additionalGids: [...additional].filter((id) => id !== gid || extra.includes(id)),
    home: entry?.home ?? "/",
    ...(entry === undefined ? {} : { name: entry.name }),
  };
}

/**
 * Who `user[:group]` is in an image (layers lowest first), with docker's meaning: names or numbers; a number needs no
 * entry and then has group 0; a user without a group is also in the groups that list it. Empty: uid 0.
 * @throws UsageError for a name the image does not have.
 */
export function lookupUser(
  layers: readonly string[],
  spec: string,
  extraGroups: readonly string[] = [],
): ContainerUser {
  const passwd = parsePasswd(readTextInLayers(layers, "/etc/passwd"));
  const groups = parseGroup(readTextInLayers(layers, "/etc/group"));
  return chooseUser(passwd, groups, spec, extraGroups);
}

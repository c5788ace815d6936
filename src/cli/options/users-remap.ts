import { readTextIfAny } from "../../core/atomic.ts";
import { UsageError } from "../../core/errors.ts";
import { rangesOf } from "../../core/id-ranges.ts";

/** All that a 16-bit id can name: more of a range no container needs. */
const most = 65_536;

/**
 * The value of --userns that `supervisor --userns-remap` stands for: `default` gives each container a range of its own,
 * USER[:GROUP] all of them the first range of that user and of that group, as dockerd(8) does; else the range itself. Pure.
 * @throws UsageError for a user or group without a range
 */
export function readRemap(text: string, subuid: string, subgid: string): string {
  if (text === "default") return "auto";
  if (/^\d+:\d+:\d+$/.test(text)) return text;
  const [, user = "", group = user] = /^([^:\s]+)(?::([^:\s]+))?$/.exec(text) ?? [];
  if (user === "")
    throw new UsageError(`--userns-remap: ${text}: expected default, USER, USER:GROUP or UID:GID:SIZE`);
  const first = (file: string, lines: string, name: string): { first: number; count: number } => {
    const number = /^\d{1,10}$/.test(name) ? Number(name) : undefined;
    const [range] = rangesOf(lines, name, number);
    if (range === undefined)
      throw new UsageError(
        `--userns-remap: ${text}: ${name} has no range in ${file}: add a line such as ${name}:100000:65536`,
      );
    return range;
  };
  const [users, groups] = [first("/etc/subuid", subuid, user), first("/etc/subgid", subgid, group)];
  return `${users.first}:${groups.first}:${Math.min(users.count, groups.count, most)}`;
}

/** {@link readRemap} by the files of this host; a range is judged as --userns judges it. @throws UsageError */
export function hostRemap(text: string): string {
  return readRemap(text, readTextIfAny("/etc/subuid") ?? "", readTextIfAny("/etc/subgid") ?? "");
}

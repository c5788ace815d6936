import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { outputOf } from "./command.ts";

/** Where to look for what an instance of mdocker may have left. */
export interface Place {
  readonly root: string;
  readonly state: string;
  readonly prefix: string;
  /** Put before a command, runs it in the namespaces to look at: `nsenter ... --`. Absent: this process's own. */
  readonly enter?: readonly string[] | undefined;
}

const kinds = ["links", "rules", "mounts", "cgroups", "processes", "files"] as const;
export type Kind = (typeof kinds)[number];

/** What is there, one line each, by kind. */
export interface Snapshot {
  readonly place: Place;
  readonly lines: Readonly<Record<Kind, readonly string[]>>;
}

/** One line that is there now and was not before (`+`), or the other way round (`-`). */
export interface Change {
  readonly kind: Kind;
  readonly sign: "+" | "-";
  readonly line: string;
}

const inside = `
echo '== links'; ip -o link show | sed -E 's/^[0-9]+: ([^:@]+).*/\\1/'
echo '== rules'
for save in iptables-nft-save iptables-legacy-save ip6tables-nft-save ip6tables-legacy-save; do
  $save 2>/dev/null | sed -n "s/\\[[0-9:]*\\]//; s/^\\([-:*]\\)/$save: \\1/p"
done
echo '== mounts'; cat /proc/self/mountinfo
echo '== network'; readlink /proc/self/ns/net
`;

/** Rules and chains by table; a table or built-in chain that merely exists, empty and accepting, is nothing. */
function rules(lines: readonly string[]): string[] {
  const found: string[] = [];
  let table = "";
  for (const line of lines) {
    const [, save = "", text = ""] = /^(\S+): (.*?)\s*$/.exec(line) ?? [];
    if (text.startsWith("*")) table = text.slice(1);
    else if (!/^:\S+ ACCEPT$/.test(text)) found.push(`${save.replace("-save", "")} -t ${table} ${text}`);
  }
  return found;
}

/** `overlay on /merged (overlay)`: without the numbers, which say nothing. */
function mount(line: string): string {
  const fields = line.split(" ");
  const dash = fields.indexOf("-");
  return `${fields[dash + 2]}${fields[3] === "/" ? "" : fields[3]} on ${fields[4]} (${fields[dash + 1]})`;
}

function entries(folder: string): { readonly name: string; readonly isFolder: boolean }[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).map((entry) => ({
      name: entry.name,
      isFolder: entry.isDirectory(),
    }));
  } catch {
    return []; // gone in the meantime, or never there
  }
}

/** Directories of any cgroup hierarchy whose path has a part that is the prefix or begins with it. */
function cgroups(prefix: string, folder = "/sys/fs/cgroup", ours = false): string[] {
  return entries(folder)
    .filter(({ isFolder }) => isFolder)
    .flatMap(({ name }) => {
      const path = join(folder, name);
      const mine = ours || new RegExp(`^${prefix}([^a-z0-9]|$)`).test(name);
      return [...(mine ? [path] : []), ...cgroups(prefix, path, mine)];
    });
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** The network namespace of a process; none for one that is gone. */
function networkOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

/**
 * Processes that run for the instance: by environment, arguments or cgroup; monitors, which have nothing of these, by
 * the network namespace they are in. Not this one.
 */
function processes(place: Place, network: string | undefined): string[] {
  return entries("/proc")
    .filter(({ name }) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap(({ name }) => {
      const environment = textOf(`/proc/${name}/environ`).split("\0");
      const args = textOf(`/proc/${name}/cmdline`).split("\0");
      const cgroup = textOf(`/proc/${name}/cgroup`);
      const ours =
        environment.includes(`MDOCKER_PREFIX=${place.prefix}`) ||
        args.some((argument) => argument.startsWith(place.root) || argument.startsWith(place.state)) ||
        new RegExp(`/${place.prefix}([^a-z0-9]|$)`, "m").test(cgroup) ||
        (args[0] === "mdocker-init" && networkOf(name) === network);
      return ours ? [`${name} ${args.join(" ").trim()}`] : [];
    });
}

/** What belongs to single containers below root and state, and temporary files; shared stores, caches and locks stay. */
function files(folder: string, within = false): string[] {
  return entries(folder).flatMap(({ name, isFolder }) => {
    const path = join(folder, name);
    if (!within && /^(images|layers|blobs|cache)$/.test(name)) return [];
    const mine = within || /[0-9a-f]{12}|\.tmp$|\.sock$/.test(name);
    return [...(mine ? [path] : []), ...(isFolder ? files(path, within || name === "containers") : [])];
  });
}

/** Looks at everything an instance could leave behind. */
export async function takeSnapshot(place: Place): Promise<Snapshot> {
  const text = await outputOf([...(place.enter ?? []), "sh", "-c", inside], {
    env: { PATH: process.env["PATH"] },
  });
  const parts = new Map<string, string[]>();
  for (const part of text.split(/^== /m).slice(1)) {
    const [name = "", ...lines] = part.trimEnd().split("\n");
    parts.set(name, lines);
  }
  return {
    place,
    lines: {
      links: parts.get("links") ?? [],
      rules: rules(parts.get("rules") ?? []),
      mounts: (parts.get("mounts") ?? []).map(mount),
      cgroups: cgroups(place.prefix),
      processes: processes(place, parts.get("network")?.[0]),
      files: [...files(place.root), ...files(place.state)],
    },
  };
}

/** What has changed between two looks; lines are counted, so that a second equal mount is a change. */
export function changes(before: Snapshot, after: Snapshot): Change[] {
  return kinds.flatMap((kind) => {
    const rest = [...after.lines[kind]];
    const gone = before.lines[kind].filter((line) => {
      const at = rest.indexOf(line);
      if (at >= 0) rest.splice(at, 1);
      return at < 0;
    });
    return [
      ...gone.map((line): Change => ({ kind, sign: "-", line })),
      ...rest.map((line): Change => ({ kind, sign: "+", line })),
    ];
  });
}

/** What stays by design while a network exists: its bridge, its chains and rules, the instance's own cgroup. */
function belongsToNetwork({ kind, line }: Change, { prefix }: Place): boolean {
  if (kind === "links") return new RegExp(`^${prefix}\\d+$|^br-`).test(line);
  if (kind === "cgroups") return new RegExp(`/${prefix}$`).test(line);
  // A rule of one container says so in its comment: `mdocker:<network>:<container>`.
  return kind === "rules" && !/--comment "?[^:" ]+:[^:" ]+:/.test(line);
}

/**
 * Looks until nothing differs from `before`, or for `patience` milliseconds: the kernel dismantles namespaces (and with
 * them links and mounts) after their last process has gone and tells nobody when it is done.
 * @param tolerated Differences that count as none.
 */
export async function settled(
  before: Snapshot,
  patience = 20_000,
  tolerated: (change: Change) => boolean = () => false,
): Promise<{ readonly after: Snapshot; readonly left: readonly Change[] }> {
  const deadline = Date.now() + patience;
  for (;;) {
    const after = await takeSnapshot(before.place);
    const left = changes(before, after).filter((change) => !tolerated(change));
    if (left.length === 0 || Date.now() > deadline) return { after, left };
    await pause(20);
  }
}

/**
 * Fails with the differences unless everything is as it was `before`.
 * @param network "may-stay": the networks themselves are not looked at.
 * @param patience For how many milliseconds to look again.
 */
export async function expectNothingLeft(
  before: Snapshot,
  network: "gone" | "may-stay" = "may-stay",
  patience = 20_000,
): Promise<void> {
  const { left } = await settled(
    before,
    patience,
    (change) => network === "may-stay" && belongsToNetwork(change, before.place),
  );
  if (left.length === 0) return;
  const list = left.map(({ kind, sign, line }) => `${sign} ${kind}: ${line}`).join("\n");
  throw new Error(`not as it was before:\n${list}`);
}

import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import type { OciMount } from "../../core/oci.ts";
import { ifThere } from "../open-files.ts";
import { containerPaths } from "../store.ts";
import { type Finding, findings, listed } from "./finding.ts";
import type { Subject } from "./subject.ts";

/** A mount as its processes see it: a line of mountinfo. */
export interface SeenMount {
  readonly root: string;
  readonly point: string;
  readonly readOnly: boolean;
  /** Propagation to or from elsewhere: `shared:1`, `master:2`. */
  readonly propagation: readonly string[];
  readonly type: string;
  readonly options: string;
}

const unescapeOctal = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/** proc_pid_mountinfo(5): id parent major:minor root point options [fields] - type source options. */
export function parseMounts(text: string): SeenMount[] {
  return text.split("\n").flatMap((line) => {
    const fields = line.split(" ");
    const dash = fields.indexOf("-", 6);
    if (dash < 0) return [];
    return {
      root: unescapeOctal(fields[3] ?? ""),
      point: unescapeOctal(fields[4] ?? ""),
      readOnly: (fields[5] ?? "").split(",").includes("ro"),
      propagation: fields.slice(6, dash),
      type: fields[dash + 1] ?? "",
      options: unescapeOctal(fields[dash + 3] ?? ""),
    };
  });
}

/** How many links a lookup follows: MAXSYMLINKS of the kernel. */
const mostLinks = 40;

/** Where a path of the container leads, its links followed inside: mounts are named by where they really are. */
export function resolveInside(root: string, path: string): string {
  let left = path.split("/");
  let at = "";
  for (let links = 0; left.length > 0; ) {
    const [part = "", ...rest] = left;
    left = rest;
    if (part === "" || part === ".") continue;
    if (part === "..") {
      at = at.slice(0, Math.max(0, at.lastIndexOf("/")));
      continue;
    }
    const link =
      links < mostLinks ? ifThere(() => readlinkSync(`${root}${at}/${part}`), "ENOTDIR") : undefined;
    if (link === undefined) {
      at = `${at}/${part}`;
      continue;
    }
    links += 1;
    if (link.startsWith("/")) at = "";
    left = [...link.split("/"), ...left];
  }
  return at === "" ? "/" : at;
}

/** The mount that a path lookup ends on: of those at one point the last, which covers the others. */
function mountAt(mounts: readonly SeenMount[], point: string): SeenMount | undefined {
  return mounts.findLast((mount) => mount.point === point);
}

function verifyRoot({ instance, record, spec }: Subject, mounts: readonly SeenMount[]): Finding[] {
  const { list, add } = findings("root");
  const root = mountAt(mounts, "/");
  const upper = `${containerPaths(instance, record.id).directory}/upper`;
  const options = (root?.options ?? "").split(",");
  const found = options.find((option) => option.startsWith("upperdir="))?.slice("upperdir=".length);
  // Where a path is long, the mount names it from the container's own directory.
  const same = found === upper || (found !== undefined && upper.endsWith(`/${found}`));
  const own = "an overlay on its own layer";
  const good = root?.type === "overlay" && same;
  add("root", own, good ? own : `${root?.type ?? "none"} on ${found ?? "none"}`);
  const wanted = spec.root.readonly === true ? "ro" : "rw";
  add("root may be written to", wanted, root?.readOnly ? "ro" : "rw");
  return list;
}

/** `rw`, `ro` of a mount that the user asked for. */
const askedMode = ({ options = [] }: OciMount): string => (options.includes("ro") ? "ro" : "rw");

/** Everything mounted that the OCI document does not name, nor follows from it. */
function strangers({ spec }: Subject, mounts: readonly SeenMount[]): string[] {
  const { maskedPaths = [], readonlyPaths = [] } = spec.linux;
  const known = new Set([
    "/",
    ...spec.mounts.map(({ destination }) => destination),
    ...maskedPaths,
    ...readonlyPaths,
  ]);
  const volumes = spec.mounts.filter(({ type }) => type === "bind").map(({ destination }) => destination);
  return (
    mounts
      .map(({ point }) => point)
      .filter((point) => !known.has(point))
      // The parts of /dev and of the cgroup hierarchies, and what a bound directory brings along.
      .filter((point) => !/^\/dev\/[^/]+$|^\/sys\/fs\/cgroup\//.test(point))
      .filter((point) => !volumes.some((volume) => point.startsWith(`${volume}/`)))
  );
}

/** What there is at a masked path: nothing, an empty read-only directory, or the null device. */
function isMasked(init: number, path: string, mounts: readonly SeenMount[]): boolean {
  const seen = `/proc/${init}/root${path}`;
  const about = ifThere(() => lstatSync(seen), "ENOTDIR");
  if (about === undefined) return true;
  const mount = mountAt(mounts, path);
  if (about.isDirectory()) {
    return mount?.readOnly === true && (ifThere(() => readdirSync(seen)) ?? []).length === 0;
  }
  return mount !== undefined && about.isCharacterDevice() && about.rdev === ((1 << 8) | 3);
}

function verifyPaths({ spec, init }: Subject, mounts: readonly SeenMount[]): Finding[] {
  const { list, add } = findings("paths");
  const { maskedPaths = [], readonlyPaths = [] } = spec.linux;
  const bare = maskedPaths.filter((path) => !isMasked(init, path, mounts));
  const none = "none, as asked";
  if (maskedPaths.length === 0) add("masked paths", none, none);
  else {
    const found = bare.length === 0 ? `${maskedPaths.length} masked` : `to be seen: ${listed(bare)}`;
    add("masked paths", `${maskedPaths.length} masked`, found);
  }
  const writable = readonlyPaths.filter((path) => {
    const there = ifThere(() => statSync(`/proc/${init}/root${path}`), "ENOTDIR") !== undefined;
    return there && mountAt(mounts, path)?.readOnly !== true;
  });
  if (readonlyPaths.length === 0) add("read-only paths", none, none);
  else {
    const found =
      writable.length === 0 ? `${readonlyPaths.length} read-only` : `writable: ${listed(writable)}`;
    add("read-only paths", `${readonlyPaths.length} read-only`, found);
  }
  return list;
}

/** Device nodes in /dev that nobody asked for. */
function verifyDevices({ spec, init }: Subject): Finding[] {
  const { list, add } = findings("devices");
  const asked = spec.linux.devices;
  // Without a list (--privileged) the host's are there.
  if (asked === undefined || (spec.linux.maskedPaths ?? []).length === 0) return list;
  const numbers = new Set(asked.map(({ major, minor }) => `${major}:${minor}`));
  const strange = (ifThere(() => readdirSync(`/proc/${init}/root/dev`)) ?? []).filter((name) => {
    const about = ifThere(() => lstatSync(`/proc/${init}/root/dev/${name}`));
    if (about === undefined || !(about.isCharacterDevice() || about.isBlockDevice())) return false;
    const major = (about.rdev >> 8) & 0xfff;
    const minor = (about.rdev & 0xff) | ((about.rdev >>> 12) & 0xfff00);
    // Pseudo-terminals of its own: the console is one of them.
    return (
      !numbers.has(`${major}:${minor}`) && !(major >= 136 && major <= 143) && `${major}:${minor}` !== "5:2"
    );
  });
  add(
    "nodes in /dev",
    `the ${asked.length} asked for`,
    strange.length === 0 ? `the ${asked.length} asked for` : `also ${listed(strange)}`,
  );
  return list;
}

/** Root, mounts and what of the kernel's file systems can be seen, really looked at as pid 1 sees them. */
export function verifyMounts(asked: Subject): Finding[] {
  const { init, instance, record } = asked;
  const destinations = asked.spec.mounts.map((mount) => ({
    ...mount,
    destination: resolveInside(`/proc/${init}/root`, mount.destination),
  }));
  const subject = { ...asked, spec: { ...asked.spec, mounts: destinations } };
  const { spec } = subject;
  const mounts = parseMounts(readFileSync(`/proc/${init}/mountinfo`, "utf8"));
  const { list, add } = findings("mounts");
  const unknown = strangers(subject, mounts);
  const known = `${mounts.length} that follow from what was asked`;
  add("mounts", known, unknown.length === 0 ? known : `also ${listed(unknown)}`);
  const { directory } = containerPaths(instance, record.id);
  for (const mount of spec.mounts.filter(({ type }) => type === "bind")) {
    const seen = mountAt(mounts, mount.destination);
    const found = seen === undefined ? "not mounted" : seen.readOnly ? "ro" : "rw";
    const source = (mount.source ?? "").replace(`${directory}/`, "its ");
    add(`${source} on ${mount.destination}`, askedMode(mount), found);
  }
  const shared = spec.mounts.filter(({ options = [] }) =>
    options.some((option) => /shared$|slave$/.test(option)),
  );
  const spreading = mounts.filter(
    ({ point, propagation }) =>
      propagation.length > 0 && !shared.some(({ destination }) => `${point}/`.startsWith(`${destination}/`)),
  );
  const found = spreading.length === 0 ? "to nowhere" : listed(spreading.map(({ point }) => point));
  add("mounts spread", "to nowhere", found);
  return [
    ...verifyRoot(subject, mounts),
    ...list,
    ...verifyPaths(subject, mounts),
    ...verifyDevices(subject),
  ];
}

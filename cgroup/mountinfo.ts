/** A mount of a cgroup file system that a path lookup really reaches. */
export interface CgroupMount {
  readonly version: 1 | 2;
  readonly mountPoint: string;
  /** What of the hierarchy is mounted here: `/` for all that this cgroup namespace may see. */
  readonly root: string;
  /** v1: the super block's options, controllers among them. */
  readonly options: readonly string[];
}

interface Mount {
  readonly id: string;
  readonly parent: string;
  readonly root: string;
  readonly point: string;
  readonly type: string;
  readonly options: string;
}

/** Blanks, tabs, newlines and backslashes in paths are written in octal (proc(5)). */
function unescapeOctal(path: string): string {
  if (!path.includes("\\")) return path;
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** proc(5): id · parent · major:minor · root · mount point · options · [optional fields] `-` type · source · super options */
function parseLine(line: string): Mount | undefined {
  const fields = line.split(" ");
  const dash = fields.indexOf("-", 6);
  const id = fields[0];
  const parent = fields[1];
  const root = fields[3];
  const point = fields[4];
  const type = fields[dash + 1];
  if (dash < 0 || !id || !parent || !root || !point || !type) return undefined;
  const options = fields[dash + 3] ?? "";
  return { id, parent, root: unescapeOctal(root), point: unescapeOctal(point), type, options };
}

/** True when `over` is a directory above `path`. */
function isAbove(over: string, path: string): boolean {
  return over === "/" || (path.startsWith(over) && path[over.length] === "/");
}

/** True when a path lookup ends elsewhere: something is mounted on top of it, or on a directory on the way to it. */
function isHidden(
  mount: Mount,
  byId: ReadonlyMap<string, Mount>,
  onto: ReadonlyMap<string, readonly Mount[]>,
): boolean {
  for (const { point } of onto.get(mount.id) ?? []) if (point === mount.point) return true;
  let child = mount;
  for (let above = byId.get(child.parent); above !== undefined; above = byId.get(child.parent)) {
    if (above.id === child.id) return false;
    for (const { point } of onto.get(above.id) ?? []) if (isAbove(point, child.point)) return true;
    child = above;
  }
  return false;
}

/** The cgroup mounts in the text of /proc/self/mountinfo, hidden ones left out, in the order they were mounted. */
export function parseCgroupMounts(mountinfo: string): CgroupMount[] {
  // Plain loops, and a look at most lines only: this is in the way of every start, where nothing is optimised yet.
  const lines = mountinfo.split("\n");
  const cgroups: Mount[] = [];
  for (const line of lines) {
    const mount = line.includes(" - cgroup") ? parseLine(line) : undefined;
    if (mount?.type === "cgroup" || mount?.type === "cgroup2") cgroups.push(mount);
  }
  const byId = new Map<string, Mount>();
  const onto = new Map<string, Mount[]>();
  for (const line of lines) {
    // Only what is mounted at or above a cgroup mount can hide one.
    const written = line.split(" ", 5)[4];
    if (written === undefined) continue;
    const point = unescapeOctal(written);
    let matters = false;
    for (const cgroup of cgroups) matters ||= point === cgroup.point || isAbove(point, cgroup.point);
    const mount = matters ? parseLine(line) : undefined;
    if (mount === undefined) continue;
    byId.set(mount.id, mount);
    const siblings = onto.get(mount.parent);
    if (siblings === undefined) onto.set(mount.parent, [mount]);
    else siblings.push(mount);
  }
  const found: CgroupMount[] = [];
  for (const mount of cgroups) {
    if (isHidden(mount, byId, onto)) continue;
    const { type, point, root, options } = mount;
    found.push({ version: type === "cgroup" ? 1 : 2, mountPoint: point, root, options: options.split(",") });
  }
  return found;
}

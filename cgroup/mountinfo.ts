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
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** proc(5): id · parent · major:minor · root · mount point · options · [optional fields] `-` type · source · super options */
function parseLine(line: string): Mount | undefined {
  const fields = line.split(" ");
  const dash = fields.indexOf("-", 6);
  const [id, parent, , root, point] = fields;
  const [type, , options] = fields.slice(dash + 1);
  if (dash < 0 || !id || !parent || !root || !point || !type) return undefined;
  return { id, parent, root: unescapeOctal(root), point: unescapeOctal(point), type, options: options ?? "" };
}

/** True when a path lookup ends elsewhere: something is mounted on top of it, or on a directory on the way to it. */
function isHidden(mount: Mount, mounts: readonly Mount[], byId: ReadonlyMap<string, Mount>): boolean {
  if (mounts.some(({ parent, point }) => parent === mount.id && point === mount.point)) return true;
  let child = mount;
  for (let above = byId.get(child.parent); above !== undefined; above = byId.get(child.parent)) {
    const { id } = above;
    const { point } = child;
    if (id === child.id) return false;
    if (mounts.some((other) => other.parent === id && point.startsWith(`${other.point.replace(/\/$/, "")}/`)))
      return true;
    child = above;
  }
  return false;
}

/** The cgroup mounts in the text of /proc/self/mountinfo, hidden ones left out, in the order they were mounted. */
export function parseCgroupMounts(mountinfo: string): CgroupMount[] {
  const mounts = mountinfo.split("\n").flatMap((line) => parseLine(line) ?? []);
  const byId = new Map(mounts.map((mount) => [mount.id, mount]));
  return mounts
    .filter((mount) => mount.type === "cgroup" || mount.type === "cgroup2")
    .filter((mount) => !isHidden(mount, mounts, byId))
    .map(({ type, point, root, options }) => ({
      version: type === "cgroup" ? 1 : 2,
      mountPoint: point,
      root,
      options: options.split(","),
    }));
}

/** A range of ids of the host that a user may map into a namespace: a line of /etc/subuid or /etc/subgid, subuid(5). */
export interface IdRange {
  readonly first: number;
  readonly count: number;
}

/** The users of a container on the host: ids 0 to `size` - 1 inside are those from `uid` and `gid` on. */
export interface IdMap {
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
}

/** The ranges of a user in the text of /etc/subuid or /etc/subgid: `NAME-OR-UID:FIRST:COUNT` a line. Others are passed over. */
export function rangesOf(text: string, name: string | undefined, uid: number | undefined): IdRange[] {
  return text.split("\n").flatMap((line) => {
    const [owner, first, count, ...rest] = line.trim().split(":");
    const mine = (uid !== undefined && owner === String(uid)) || (name !== undefined && owner === name);
    if (!mine || rest.length > 0 || !/^\d{1,10}$/.test(first ?? "") || !/^\d{1,10}$/.test(count ?? ""))
      return [];
    return Number(count) > 0 ? [{ first: Number(first), count: Number(count) }] : [];
  });
}

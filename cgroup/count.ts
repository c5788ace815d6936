/** PAGE_COUNTER_MAX in bytes, less a page or so: what v1 shows for "not limited". */
export const unlimited: number = 2 ** 62;

/** What a cgroup file with one number says; undefined for a file that is not there, and for no limit (`max`). */
export function countIn(text: string | undefined): number | undefined {
  const value = text === undefined || text.trim() === "max" ? undefined : Number(text);
  return value === undefined || value >= unlimited ? undefined : value;
}

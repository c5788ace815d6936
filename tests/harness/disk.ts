import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";

/** The disk that the test hosts' files are on: its numbers as the kernel writes them, and its node. */
export function disk(): { readonly numbers: string; readonly node: string } {
  const { dev } = statSync("/var/tmp");
  // makedev(3) of glibc, for device numbers below 2^32.
  const found = realpathSync(
    `/sys/dev/block/${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`,
  );
  // Rates are for whole disks.
  const whole = existsSync(`${found}/partition`) ? dirname(found) : found;
  return { numbers: readFileSync(`${whole}/dev`, "utf8").trim(), node: `/dev/${basename(whole)}` };
}

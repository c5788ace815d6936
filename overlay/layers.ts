import { SetupError } from "../src/core/errors.ts";
import { isRootless } from "../src/core/rootless.ts";

/** What an overlay is to be made of. */
export interface OverlayRequest {
  /** Read-only directories, lowest first, as an image lists its layers. At least one. */
  readonly lowers: readonly string[];
  /** Where upper, work and merged go: on a filesystem that overlay can write to. */
  readonly directory: string;
  /** The writable layer is thrown away at the end: it need never reach the disk. */
  readonly ephemeral: boolean;
}

/** An overlay, ready for mount(2). */
export interface OverlayPlan {
  readonly lowers: readonly string[];
  readonly directory: string;
  readonly upper: string;
  readonly work: string;
  readonly merged: string;
  /** The data argument of mount(2), at most {@link maxOptions} bytes. */
  readonly options: string;
  /** Directory to chdir(2) to before the mount: set when the options name lowers by short relative links. */
  readonly cwd: string | undefined;
  /** Links to make to the lowers, `l0` to the lowest; none unless `cwd` is set. */
  readonly links: readonly { readonly path: string; readonly target: string }[];
}

/** mount(2) copies one page of options, the last byte of which must be 0. */
export const maxOptions = 4095;

/** OVL_MAX_STACK of fs/overlayfs: more lower layers are refused by the kernel. */
const maxLayers = 500;

/**
 * Why these:
 * - index=off: with an index the kernel refuses an upper that has been used with other lowers, and keeps handles to the
 *   lower inodes; hard links to files of the image break on copy-up instead, as users of docker know it.
 * - metacopy=off, redirect_dir=off: a changed file is whole and a renamed directory complete in the upper, so that the
 *   upper can be read by itself (diff, commit), and no attribute in a foreign layer leads elsewhere.
 * - xino is left to the kernel: with upper and lowers on one filesystem inode numbers are stable without it.
 * Said explicitly as distributions build kernels with other defaults.
 */
const features = "index=off,metacopy=off,redirect_dir=off";
/**
 * In a user namespace: what the overlay notes is in attributes that need no privilege (Linux 5.11), and a redirection is
 * not even read.
 */
const userFeatures = "index=off,metacopy=off,redirect_dir=nofollow,userxattr";

function featuresHere(): string {
  return isRootless() ? userFeatures : features;
}

/** Backslash, comma and (between lowers) colon mean something in the options. */
function escapeOption(path: string): string {
  return path.replace(/[\\,:]/g, "\\$&");
}

function optionText(lowers: readonly string[], upper: string, work: string, ephemeral: boolean): string {
  // The option takes the topmost first. A colon in upper and work needs no backslash and gets none (it would stay).
  const lower = [...lowers].reverse().map(escapeOption).join(":");
  const plain = (path: string) => path.replace(/[\\,]/g, "\\$&");
  // volatile (Linux 5.10): nothing is synced, neither by fsync inside nor on umount, which else writes out everything.
  const volatile = ephemeral ? ",volatile" : "";
  return `lowerdir=${lower},upperdir=${plain(upper)},workdir=${plain(work)},${featuresHere()}${volatile}`;
}

/**
 * The options of a mount that shows the same files and cannot be written to: the writable layer is the topmost of the
 * lowers, and nothing is made in it or beside it. They are never longer than those for writing. Pure.
 */
export function readOnlyOptions({ lowers, upper, cwd, links }: OverlayPlan): string {
  const names = cwd === undefined ? [...lowers, upper] : [...links.map((_, i) => `l${i}`), "upper"];
  return `lowerdir=${names.reverse().map(escapeOption).join(":")},${featuresHere()}`;
}

/**
 * Plans the overlay mount of a container. Pure. When the names of the lowers do not fit into one page they are named by
 * links `l0`, `l1`... relative to `cwd`.
 * @throws SetupError for no lower, too many, or names too long even so.
 */
export function planOverlay(request: OverlayRequest): OverlayPlan {
  const { lowers, directory, ephemeral } = request;
  if (lowers.length === 0) throw new SetupError("overlay: no lower directory");
  if (lowers.length > maxLayers) {
    throw new SetupError(`overlay: ${lowers.length} layers: the kernel takes at most ${maxLayers}`);
  }
  const [upper, work, merged] = [`${directory}/upper`, `${directory}/work`, `${directory}/merged`];
  const base = { lowers, directory, upper, work, merged };
  const full = optionText(lowers, upper, work, ephemeral);
  if (Buffer.byteLength(full) <= maxOptions) return { ...base, options: full, cwd: undefined, links: [] };
  const links = lowers.map((target, i) => ({ path: `${directory}/l${i}`, target }));
  const names = lowers.map((_, i) => `l${i}`);
  const short = optionText(names, "upper", "work", ephemeral);
  if (Buffer.byteLength(short) > maxOptions) {
    throw new SetupError(`overlay: the names of ${lowers.length} layers do not fit into ${maxOptions} bytes`);
  }
  return { ...base, options: short, cwd: directory, links };
}

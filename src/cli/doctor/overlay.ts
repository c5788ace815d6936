import { checkOverlaySupport } from "../../../overlay/support.ts";
import { type Check, type Finding, fail, ok } from "./check.ts";

/** OverlayFS, and a filesystem below the root that can hold a writable layer. */
export const overlay: Check = {
  name: "overlay",
  look: ({ instance }): Finding => {
    const problem = checkOverlaySupport(instance.root);
    return problem === undefined
      ? ok(`usable below ${instance.root}`)
      : fail(problem, "use a kernel with CONFIG_OVERLAY_FS and a --root on ext4, xfs, btrfs or tmpfs");
  },
};

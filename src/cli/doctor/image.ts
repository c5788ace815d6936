import { resolveImage } from "../../../rootfs/image-store.ts";
import { formatBytes } from "../../core/units.ts";
import { type Check, type Finding, ok, warn } from "./check.ts";

/** The image that is used when none is named. */
export const image: Check = {
  name: "image lab",
  look: ({ instance }): Finding => {
    const found = resolveImage(instance, "lab");
    return found === undefined
      ? warn(`not in ${instance.root}`, "mdocker image create (or give --rootfs DIR to each run)")
      : ok(`${found.id.slice(0, 19)}, ${formatBytes(found.size)}`);
  },
};

import { resolve } from "node:path";
import { newId } from "../../container/names.ts";
import type { MountRequest } from "../../container/request.ts";
import { type Given, refuse } from "../flags.ts";
import { type HostView, hostPath } from "../host-view.ts";

type Propagation = NonNullable<Extract<MountRequest, { kind: "bind" }>["propagation"]>;

const propagations: readonly string[] = ["private", "rprivate", "shared", "rshared", "slave", "rslave"];

export function isPropagation(text: string): text is Propagation {
  return propagations.includes(text);
}

/** A mount point: absolute, not the root itself. @throws UsageError naming `given` */
export function mountTarget(given: Given, text: string): string {
  const target = text.startsWith("/") && !text.includes("\0") ? resolve(text) : "/";
  if (target === "/") refuse(given, `an absolute path in the container, other than /, as target`);
  return target;
}

/**
 * `-v SOURCE:TARGET[:OPTIONS]`: a source with a / (or . or ~ at its beginning) is a host path, anything else a named
 * volume; `-v TARGET`: a volume without a name. @throws UsageError
 */
export function parseVolume(given: Given, view: HostView): MountRequest {
  const pieces = given.value.split(":");
  // A volume of its own, that has no name and goes with the container.
  if (pieces.length === 1 && given.value.startsWith("/"))
    return { kind: "volume", name: newId(), target: mountTarget(given, given.value), readOnly: false };
  const [source = "", at = "", list = ""] = pieces;
  if (pieces.length < 2 || pieces.length > 3 || source === "") {
    refuse(given, "[SOURCE:]TARGET[:OPTIONS], such as ./data:/data:ro");
  }
  if (source.includes("\0")) refuse(given, "a path without zero bytes");
  const target = mountTarget(given, at);
  let readOnly = false;
  let noCopy = false;
  let idmap = false;
  let relabel: "shared" | "private" | undefined;
  let propagation: Propagation | undefined;
  for (const option of list === "" ? [] : list.split(",")) {
    if (option === "ro" || option === "rw") readOnly = option === "ro";
    else if (option === "nocopy") noCopy = true;
    else if (option === "idmap") idmap = true;
    else if (option === "z" || option === "Z") relabel = option === "z" ? "shared" : "private";
    else if (isPropagation(option)) propagation = option;
    else
      refuse(
        given,
        `options of ro, rw, z, Z, nocopy, idmap, ${propagations.join(", ")}, not ${JSON.stringify(option)}`,
      );
  }
  if (/^[a-zA-Z0-9][\w.-]*$/.test(source)) {
    if (propagation !== undefined) refuse(given, "no propagation for a named volume");
    return { kind: "volume", name: source, target, readOnly, ...(noCopy ? { noCopy } : {}) };
  }
  if (noCopy) refuse(given, "no nocopy for a path of the host: nothing is copied there");
  if (!/^[/.]/.test(source)) {
    refuse(given, "as source an absolute path, one that begins with . or the name of a volume");
  }
  const bind = {
    kind: "bind",
    source: hostPath(given, view, source),
    target,
    readOnly,
    create: true,
    ...(idmap ? { idmap } : {}),
    ...(relabel === undefined ? {} : { relabel }),
  } as const;
  return propagation === undefined ? bind : { ...bind, propagation };
}

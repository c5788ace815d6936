import { newId } from "../../container/names.ts";
import type { MountRequest } from "../../container/request.ts";
import { nearest } from "../../core/nearest.ts";
import { type Given, parseSwitch, refuse } from "../flags.ts";
import { type HostView, hostPath } from "../host-view.ts";
import { bytes } from "../number.ts";
import { splitPairs } from "../pairs.ts";
import { isPropagation, mountTarget } from "./volume.ts";

/** Every key of --mount, by the name it is read under. */
const keys: Readonly<Record<string, string>> = {
  type: "type",
  source: "source",
  src: "source",
  target: "target",
  destination: "target",
  dst: "target",
  readonly: "readonly",
  ro: "readonly",
  "bind-propagation": "bind-propagation",
  "volume-nocopy": "volume-nocopy",
  "tmpfs-size": "tmpfs-size",
  "tmpfs-mode": "tmpfs-mode",
};

/** Keys that only one type takes. */
const keysOfType: Readonly<Record<string, readonly string[]>> = {
  bind: ["source", "bind-propagation", "readonly"],
  volume: ["source", "readonly", "volume-nocopy"],
  tmpfs: ["tmpfs-size", "tmpfs-mode"],
};

function readPairs(given: Given): Map<string, string | undefined> {
  const found = new Map<string, string | undefined>();
  for (const [key, value] of splitPairs(given)) {
    const name = Object.hasOwn(keys, key) ? keys[key] : undefined;
    if (name === undefined) {
      const near = nearest(key, Object.keys(keys));
      return refuse(
        given,
        near === undefined ? `keys of ${Object.keys(keys).join(", ")}` : `${near}, not ${key}`,
      );
    }
    if (found.has(name)) refuse(given, `${name} only once`);
    found.set(name, value);
  }
  return found;
}

function tmpfsOptions(given: Given, pairs: ReadonlyMap<string, string | undefined>): string[] {
  const [size, mode] = [pairs.get("tmpfs-size"), pairs.get("tmpfs-mode")];
  if (mode !== undefined && !/^0?[0-7]{3,4}$/.test(mode)) refuse(given, "tmpfs-mode in octal, such as 1777");
  return [
    ...(size === undefined ? [] : [`size=${bytes({ value: size, from: `${given.from} tmpfs-size` })}`]),
    ...(mode === undefined ? [] : [`mode=${mode}`]),
  ];
}

/** `--mount type=bind|volume|tmpfs,source=...,target=...[,readonly]`, docker's own syntax. @throws UsageError */
export function parseMount(given: Given, view: HostView): MountRequest {
  const pairs = readPairs(given);
  const type = pairs.get("type") ?? "volume";
  const allowed = Object.hasOwn(keysOfType, type) ? keysOfType[type] : undefined;
  if (allowed === undefined) return refuse(given, "type=bind, type=volume or type=tmpfs");
  for (const key of pairs.keys()) {
    if (key !== "type" && key !== "target" && !allowed.includes(key))
      refuse(given, `no ${key} with type=${type}`);
  }
  const at = pairs.get("target");
  if (at === undefined) return refuse(given, "target=PATH");
  const target = mountTarget(given, at);
  if (type === "tmpfs") return { kind: "tmpfs", target, options: tmpfsOptions(given, pairs) };
  const readOnly =
    pairs.has("readonly") &&
    parseSwitch({ value: pairs.get("readonly") ?? "true", from: `${given.from} readonly` });
  const noCopy =
    pairs.has("volume-nocopy") &&
    parseSwitch({ value: pairs.get("volume-nocopy") ?? "true", from: `${given.from} volume-nocopy` });
  const volume = { target, readOnly, ...(noCopy ? { noCopy } : {}) };
  const source = pairs.get("source");
  if (source === undefined && type === "volume") return { kind: "volume", name: newId(), ...volume };
  if (source === undefined || source === "" || source.includes("\0")) return refuse(given, "source=...");
  if (type === "volume") {
    if (!/^[a-zA-Z0-9][\w.-]*$/.test(source)) refuse(given, "as source of a volume its name");
    return { kind: "volume", name: source, ...volume };
  }
  const bind = {
    kind: "bind",
    source: hostPath(given, view, source),
    target,
    readOnly,
    create: false,
  } as const;
  const propagation = pairs.get("bind-propagation");
  if (propagation === undefined) return bind;
  return isPropagation(propagation)
    ? { ...bind, propagation }
    : refuse(given, "bind-propagation=rprivate, rshared...");
}

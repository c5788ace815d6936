import { randomBytes } from "node:crypto";
import { linkSync, readdirSync, unlinkSync } from "node:fs";
import { readTextIfAny } from "../src/core/atomic.ts";
import { ConflictError, hasErrno, SetupError, UsageError } from "../src/core/errors.ts";
import { join } from "../src/core/join.ts";
import { makeDirectories } from "../src/core/make-directories.ts";
import type { Instance } from "../src/core/paths.ts";
import { writeFile } from "../src/core/write-file.ts";
import type { Network } from "./network.ts";

/** A network that a user has defined: `<root>/networks/<name>.json`. It is made when the first container needs it. */
export interface NetworkDefinition {
  /** 64 hex digits. */
  readonly id: string;
  readonly created: string;
  readonly labels: Readonly<Record<string, string>>;
  /** As they were given: `com.docker.network...`, mtu, icc, masquerade. */
  readonly options: Readonly<Record<string, string>>;
  readonly network: Network;
}

const namePattern = /^[a-zA-Z0-9][\w.-]{0,63}$/;
/** They mean something else after --network. */
const reserved: ReadonlySet<string> = new Set(["bridge", "default", "host", "none", "container"]);

function folder(instance: Instance): string {
  return join(instance.root, "networks");
}

function definitionPath(instance: Instance, name: string): string {
  return join(folder(instance), `${name}.json`);
}

/** Refuses what cannot be the name of a network of one's own. @throws UsageError */
export function checkNetworkName(name: string): void {
  if (!namePattern.test(name)) {
    throw new UsageError(
      `network ${JSON.stringify(name)}: expected up to 64 letters, digits, _ . or -, beginning with a letter or digit`,
    );
  }
  if (reserved.has(name)) throw new ConflictError(`network ${name}: the name is taken by mdocker itself`);
}

/** A new id, of which the bridge's name is made. */
export function newNetworkId(): string {
  return randomBytes(32).toString("hex");
}

/**
 * Keeps a definition.
 * @throws ConflictError when there is one of that name.
 */
export function addDefinition(instance: Instance, definition: NetworkDefinition): void {
  const path = definitionPath(instance, definition.network.name);
  const temporary = `${path}.${process.pid}.tmp`;
  makeDirectories(folder(instance));
  writeFile(temporary, JSON.stringify(definition), 0o600);
  try {
    // Unlike rename(2) it fails when the name is there: of two at once one gets it.
    linkSync(temporary, path);
  } catch (error) {
    if (!hasErrno(error, "EEXIST")) throw error;
    throw new ConflictError(`network with name ${definition.network.name} already exists`);
  } finally {
    unlinkSync(temporary);
  }
}

/** The definition of that name, or undefined. @throws SetupError when it cannot be read. */
export function readDefinition(instance: Instance, name: string): NetworkDefinition | undefined {
  if (!namePattern.test(name)) return undefined;
  const path = definitionPath(instance, name);
  const text = readTextIfAny(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as NetworkDefinition;
  } catch (cause) {
    throw new SetupError(`${path}: is not JSON: remove it, and define the network again`, { cause });
  }
}

/** Forgets a definition; one that is not there is fine. */
export function removeDefinition(instance: Instance, name: string): void {
  try {
    unlinkSync(definitionPath(instance, name));
  } catch (error) {
    if (!hasErrno(error, "ENOENT")) throw error;
  }
}

/** All definitions, by name. */
export function listDefinitions(instance: Instance): NetworkDefinition[] {
  let names: string[];
  try {
    names = readdirSync(folder(instance)).filter((entry) => entry.endsWith(".json"));
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return [];
    throw error;
  }
  return names.sort().flatMap((entry) => readDefinition(instance, entry.slice(0, -5)) ?? []);
}

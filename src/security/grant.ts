import { SetupError, UsageError } from "../core/errors.ts";
import type { OciCapabilities } from "../core/oci.ts";
import {
  capabilitiesIn,
  capabilityNames,
  capabilityNumber,
  defaultCapabilities,
  parseCapability,
} from "./capabilities.ts";

/** What was asked, and what the kernel and this process have to give. */
export interface CapabilityRequest {
  /** --cap-add and --cap-drop as given. */
  readonly add: readonly string[];
  readonly drop: readonly string[];
  readonly privileged: boolean;
  /** The command runs as uid 0 of the container. */
  readonly rootUser: boolean;
  /** Highest number the kernel knows. */
  readonly lastCap: number;
  /** What this process can hand on, as a bit mask. */
  readonly held: bigint;
}

export interface GrantedCapabilities {
  readonly capabilities: OciCapabilities;
  /** One line for each thing that is less than what was asked by ALL, --privileged or the default. */
  readonly notes: readonly string[];
}

/** Everything `held`, less than a number that this kernel does not know. */
function isHeld(request: CapabilityRequest, name: string): boolean {
  const number = capabilityNumber(name);
  return number !== undefined && number <= request.lastCap && ((request.held >> BigInt(number)) & 1n) === 1n;
}

function refuse(request: CapabilityRequest, name: string): never {
  const number = capabilityNumber(name) ?? Number.POSITIVE_INFINITY;
  throw new SetupError(
    number > request.lastCap
      ? `--cap-add: ${name}: this kernel does not know it (its last capability is number ${request.lastCap})`
      : `--cap-add: ${name}: mdocker itself does not have it on this host, so it cannot give it away`,
  );
}

/**
 * The five capability sets of a container, by docker's rules: --cap-add ALL is everything but the drops; --cap-drop ALL
 * is nothing but the adds; else the default set, less the drops, plus the adds. --privileged is --cap-add ALL. A command
 * of the root user gets them effective and permitted; one of another user gets what was named by --cap-add, as ambient
 * capabilities, so that execve(2) keeps them. Nothing is ever inheritable but what is ambient (capabilities(7)).
 * @throws UsageError for an unknown name or ALL both added and dropped, SetupError for one that was named and that this host cannot give.
 */
export function resolveCapabilities(request: CapabilityRequest): GrantedCapabilities {
  const add = new Set(request.add.map((name) => parseCapability(name, "--cap-add")));
  const drop = new Set(request.drop.map((name) => parseCapability(name, "--cap-drop")));
  if (add.has("ALL") && drop.has("ALL")) {
    throw new UsageError(
      "--cap-add ALL and --cap-drop ALL contradict each other: give one of them, and names",
    );
  }
  const named = [...add].filter((name) => name !== "ALL");
  for (const name of named) if (!isHeld(request, name)) refuse(request, name);

  let wanted: string[];
  if (request.privileged || add.has("ALL")) {
    // A drop takes away even what was added by name, as docker has it only here. Later kernels' own have numbers as names.
    const all = new Set([...capabilityNames, ...capabilitiesIn(request.held)]);
    wanted = [...all].filter((name) => !drop.has(name));
  } else if (drop.has("ALL")) {
    wanted = named;
  } else {
    wanted = [...new Set([...defaultCapabilities.filter((name) => !drop.has(name)), ...named])];
  }
  // By number, so that equal sets read the same and share one compiled seccomp filter.
  wanted.sort((a, b) => (capabilityNumber(a) ?? 0) - (capabilityNumber(b) ?? 0));

  const given = wanted.filter((name) => isHeld(request, name));
  const missing = wanted.filter((name) => !given.includes(name));
  const explicit = given.filter((name) => add.has("ALL") || add.has(name));
  const usable = request.rootUser ? given : explicit;
  const kept = request.rootUser ? [] : explicit;
  return {
    capabilities: {
      bounding: given,
      effective: usable,
      permitted: usable,
      inheritable: kept,
      ambient: kept,
    },
    notes:
      missing.length === 0
        ? []
        : [`left out, as mdocker itself does not have it on this host: ${missing.join(", ")}`],
  };
}

import { findProgram } from "../sys/find-program.ts";

/** A program that leads a network namespace to the outside without privilege. */
export interface WayOut {
  readonly name: "pasta" | "slirp4netns";
  /** The command, with `%` for the pid of a process in the namespaces. */
  readonly command: readonly [string, ...string[]];
  /** Where it answers questions for names, by the host's own servers. */
  readonly nameServer: string;
}

/** The address at which pasta passes questions on to the host's name server: any that nobody else has. */
const pastaNames = "169.254.53.53";
/** slirp4netns(1): the third address of its network. */
const slirpNames = "10.0.2.3";

const commands: readonly {
  readonly name: WayOut["name"];
  readonly args: readonly string[];
  readonly nameServer: string;
}[] = [
  {
    name: "pasta",
    nameServer: pastaNames,
    args: [
      ...["--foreground", "--quiet", "--config-net", "--no-map-gw", "--no-netns-quit"],
      // Ports are led inwards by ourselves, one by one.
      ...["--tcp-ports", "none", "--udp-ports", "none", "--tcp-ns", "none", "--udp-ns", "none"],
      ...["--dns-forward", pastaNames],
      ...["--userns", "/proc/%/ns/user", "--netns", "/proc/%/ns/net"],
    ],
  },
  {
    name: "slirp4netns",
    nameServer: slirpNames,
    args: [
      ...["--configure", "--mtu=65520", "--disable-host-loopback"],
      ...["--netns-type=path", "--userns-path=/proc/%/ns/user", "/proc/%/ns/net", "tap0"],
    ],
  },
];

/** The programs that are installed, the quicker one first. MDOCKER_OUTSIDE names one of them, or `none`. */
export function waysOut(env: NodeJS.ProcessEnv = process.env): WayOut[] {
  const wanted = env["MDOCKER_OUTSIDE"];
  return commands.flatMap(({ name, args, nameServer }): WayOut[] => {
    if (wanted !== undefined && wanted !== "" && wanted !== name) return [];
    const program = findProgram(name, env["PATH"]);
    return program === undefined ? [] : [{ name, nameServer, command: [program, ...args] }];
  });
}

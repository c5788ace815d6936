import { dirname } from "node:path";
import { holderSocket } from "../core/rootless.ts";

/** Where who holds a user's namespaces is found. */
export interface HolderPlace {
  readonly directory: string;
  /** Where the holder takes requests. */
  readonly socket: string;
  /** Held by who makes a holder. */
  readonly lock: string;
  /** Which namespaces these are, one a line: user, mount, network. */
  readonly namespaces: string;
  /** What all mdocker's commands inside see as /etc/resolv.conf. */
  readonly resolvConf: string;
  /** What the program said that leads outside. */
  readonly log: string;
}

/** The place of `uid`'s holder. */
export function holderPlace(env: NodeJS.ProcessEnv, uid: number): HolderPlace {
  const socket = holderSocket(env, uid);
  const directory = dirname(socket);
  return {
    directory,
    socket,
    lock: `${directory}/lock`,
    namespaces: `${directory}/namespaces`,
    resolvConf: `${directory}/resolv.conf`,
    log: `${directory}/log`,
  };
}

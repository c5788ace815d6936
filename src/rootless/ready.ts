import { closeSync, existsSync, realpathSync, renameSync } from "node:fs";
import { loopback } from "../../net/endpoint-steps.ts";
import { withNetlink } from "../../net/netlink/client.ts";
import { performSteps } from "../../net/perform.ts";
import { mountPoints } from "../core/mount-points.ts";
import { rawPath } from "../core/raw-path.ts";
import { rootlessUser } from "../core/rootless.ts";
import { bindMount } from "../sys/mount.ts";
import { type HolderPlace, holderPlace } from "./place.ts";

/** All commands inside find the name server that is reached from there; the host's file stays as it is. */
function replaceResolvConf(place: HolderPlace): void {
  if (!existsSync(place.resolvConf) || !existsSync("/etc/resolv.conf")) return;
  const target = realpathSync("/etc/resolv.conf");
  if (!mountPoints().includes(rawPath(target))) bindMount(place.resolvConf, target);
}

/**
 * The first command in new namespaces makes them fit for the others: loopback up, names. Then all may come, and what
 * held them up is let go. Takes its word out of `env`.
 */
export function makeReady(env: NodeJS.ProcessEnv): void {
  const { MDOCKER_NEW_HOLDER: holder, MDOCKER_HOLDER_LOCK: lock } = env;
  delete env["MDOCKER_NEW_HOLDER"];
  delete env["MDOCKER_HOLDER_LOCK"];
  delete env["MDOCKER_ENTERING"];
  const uid = rootlessUser(env);
  if (holder === undefined || uid === undefined) return;
  const place = holderPlace(env, uid);
  withNetlink((client) => performSteps(client, [loopback], { indexes: new Map() }, undefined));
  replaceResolvConf(place);
  renameSync(`${place.socket}.${holder}`, place.socket);
  if (lock !== undefined) closeSync(Number(lock));
}

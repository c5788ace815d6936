import type { HealthRequest, RestartRequest, RunRequest } from "../../container/request.ts";
import { UsageError } from "../../core/errors.ts";
import { parseLogOptions } from "../../logs/options.ts";
import type { CreateBody, HealthBody, HostConfigBody, RestartBody } from "../../supervisor/translate/body.ts";
import { refuseUnsupported } from "../../supervisor/translate/refusals.ts";
import { field } from "../number.ts";
import { parseRestart } from "../options/restart.ts";
import { buildRequest } from "../run-request.ts";
import { hostView } from "../this-host.ts";
import { Collected } from "./collect.ts";
import { collectIsolation, systemPathsOf } from "./isolation.ts";
import { collectLimits } from "./limits.ts";
import { collectMounts } from "./mounts.ts";
import { collectNetworks } from "./networks.ts";
import { collectPorts } from "./ports.ts";

const nanosecondsPerMillisecond = 1e6;
/** docker's. */
const usualHealth = { intervalMs: 30_000, timeoutMs: 30_000, retries: 3 };

/** A command may be one word, too. */
function wordsOf(words: string | readonly string[] | null | undefined): readonly string[] | undefined {
  if (words === null || words === undefined) return undefined;
  return typeof words === "string" ? [words] : words;
}

function milliseconds(name: string, nanoseconds: number | null | undefined): number | undefined {
  if ((nanoseconds ?? 0) === 0) return undefined;
  const time = (nanoseconds ?? 0) / nanosecondsPerMillisecond;
  if (time < 1) throw new UsageError(`Healthcheck.${name}: ${nanoseconds}: expected at least 1000000 (1 ms)`);
  return time;
}

function healthOf(body: HealthBody | null | undefined): HealthRequest | undefined {
  const test = body?.Test ?? [];
  const [kind] = test;
  if (body === null || body === undefined || kind === undefined) return undefined;
  if (!["NONE", "CMD", "CMD-SHELL"].includes(kind))
    throw new UsageError(`Healthcheck.Test: ${JSON.stringify(kind)}: expected NONE, CMD or CMD-SHELL first`);
  const retries = body.Retries ?? 0;
  if (retries < 0) throw new UsageError("Healthcheck.Retries: expected a number from 0");
  return {
    test,
    intervalMs: milliseconds("Interval", body.Interval) ?? usualHealth.intervalMs,
    timeoutMs: milliseconds("Timeout", body.Timeout) ?? usualHealth.timeoutMs,
    startPeriodMs: milliseconds("StartPeriod", body.StartPeriod) ?? 0,
    retries: retries === 0 ? usualHealth.retries : retries,
  };
}

/** A restart policy; undefined when none was named. @throws UsageError */
export function restartOf(body: RestartBody | null | undefined): RestartRequest | undefined {
  const name = body?.Name ?? "";
  const count = body?.MaximumRetryCount ?? 0;
  if (name === "") return undefined;
  return parseRestart({ value: count === 0 ? name : `${name}:${count}`, from: "HostConfig.RestartPolicy" });
}

function logOf({ LogConfig }: HostConfigBody): RunRequest["log"] {
  const driver = LogConfig?.Type ?? "";
  const options = LogConfig?.Config ?? {};
  if (driver === "" && Object.keys(options).length === 0) return undefined;
  parseLogOptions(driver, options);
  return { driver: driver === "" ? "json-file" : driver, options };
}

function collect(body: CreateBody, host: HostConfigBody, name: string | undefined): Collected {
  const collected = new Collected();
  collected.add("image", "Image", body.Image);
  collected.add("name", "name", name);
  collected.add("hostname", "Hostname", host.NetworkMode?.startsWith("container:") ? "" : body.Hostname);
  collected.add("user", "User", body.User);
  collected.add("workdir", "WorkingDir", body.WorkingDir);
  collected.add("interactive", "OpenStdin", body.OpenStdin ?? false);
  collected.add("tty", "Tty", body.Tty ?? false);
  collected.add("stop-signal", "StopSignal", body.StopSignal);
  collected.add("stop-timeout", "StopTimeout", body.StopTimeout);
  collected.addAll("env", "Env", body.Env);
  collected.addMap("label", "Labels", body.Labels);
  const lists = {
    "cap-add": "CapAdd",
    "cap-drop": "CapDrop",
    dns: "Dns",
    "dns-option": "DnsOptions",
    "dns-search": "DnsSearch",
    "add-host": "ExtraHosts",
    "group-add": "GroupAdd",
    "security-opt": "SecurityOpt",
  } as const;
  for (const [flag, from] of Object.entries(lists)) collected.addAll(flag, `HostConfig.${from}`, host[from]);
  collected.addMap("sysctl", "HostConfig.Sysctls", host.Sysctls);
  collected.add("privileged", "HostConfig.Privileged", host.Privileged);
  collected.add("read-only", "HostConfig.ReadonlyRootfs", host.ReadonlyRootfs);
  collected.add("init", "HostConfig.Init", host.Init);
  collected.addNumber("oom-score-adj", "HostConfig.OomScoreAdj", host.OomScoreAdj);
  collected.add("oom-kill-disable", "HostConfig.OomKillDisable", host.OomKillDisable);
  for (const { Name, Soft, Hard } of host.Ulimits ?? [])
    collected.add("ulimit", "HostConfig.Ulimits", `${Name}=${Soft}:${Hard}`);
  collectLimits(collected, host, "HostConfig.");
  collectMounts(collected, body, host);
  collectIsolation(collected, host);
  collectNetworks(collected, body, host);
  collectPorts(collected, body, host);
  return collected;
}

/**
 * The request that a body of POST /containers/create makes: each of its fields is read by the parser of the flag that
 * says the same. Where it names no users, not even `host`, they are `users`.
 * @throws UsageError for what makes no sense, NotSupportedError for what mdocker does not do
 */
export async function translateCreate(
  body: CreateBody,
  name: string | undefined,
  users?: string,
): Promise<RunRequest> {
  refuseUnsupported(body);
  if ((body.Image ?? "") === "") throw new UsageError("Image: missing: expected the name of an image");
  const said = body.HostConfig ?? {};
  const host = (said.UsernsMode ?? "") === "" ? { ...said, ...field("UsernsMode", users) } : said;
  const restart = restartOf(host.RestartPolicy);
  if (host.AutoRemove === true && restart !== undefined && restart.policy !== "no")
    throw new UsageError("can't create 'AutoRemove' container with restart policy");
  const { flags } = collect(body, host, name?.replace(/^\//, ""));
  const words = { words: wordsOf(body.Cmd) ?? [], afterDashes: true };
  // What a terminal of ours would imply does not matter: all is said.
  const view = { ...(await hostView()), env: {}, cwd: "/", stdin: true, stdout: false };
  const entrypoint = wordsOf(body.Entrypoint);
  return {
    ...(await buildRequest(flags, words, view)),
    ...field("entrypoint", entrypoint?.length === 1 && entrypoint[0] === "" ? [] : entrypoint),
    ...field("restart", restart),
    ...field("health", healthOf(body.Healthcheck)),
    ...field("log", logOf(host)),
    ...systemPathsOf(host),
    keep: true,
    detached: true,
    autoRemove: host.AutoRemove === true,
    stdinOnce: body.StdinOnce === true,
  };
}

const text = { type: "string" } as const;
const flag = { type: "boolean" } as const;
const texts = { type: "array", items: text } as const;
const textMap = { type: "object", additionalProperties: text } as const;

/** JSON schema of a RunRequest (src/container/request.ts): what must be there, and of which type. */
export const runRequestSchema: Readonly<Record<string, unknown>> = {
  type: "object",
  required: [
    ...["root", "args", "env", "groups", "labels", "interactive", "terminal", "keep", "init", "readOnlyRoot"],
    ...[
      "mounts",
      "network",
      "dns",
      "dnsSearch",
      "dnsOptions",
      "extraHosts",
      "resources",
      "rlimits",
      "sysctl",
    ],
    ...["capAdd", "capDrop", "privileged", "securityOptions"],
  ],
  properties: {
    root: {
      type: "object",
      required: ["kind"],
      oneOf: [
        { properties: { kind: { const: "image" }, reference: text }, required: ["reference", "pull"] },
        { properties: { kind: { const: "directory" }, path: text }, required: ["path"] },
      ],
    },
    args: texts,
    entrypoint: texts,
    env: texts,
    cwd: text,
    user: text,
    groups: texts,
    name: text,
    hostname: text,
    labels: textMap,
    interactive: flag,
    terminal: flag,
    keep: flag,
    init: flag,
    readOnlyRoot: flag,
    mounts: {
      type: "array",
      items: {
        type: "object",
        required: ["kind", "target"],
        properties: { kind: { enum: ["bind", "volume", "tmpfs"] }, target: text },
      },
    },
    network: { type: "object", required: ["kind"], properties: { kind: text } },
    exposed: texts,
    publishAll: flag,
    dns: texts,
    dnsSearch: texts,
    dnsOptions: texts,
    extraHosts: texts,
    resources: { type: "object" },
    rlimits: { type: "array", items: { type: "object" } },
    sysctl: textMap,
    capAdd: texts,
    capDrop: texts,
    privileged: flag,
    securityOptions: texts,
    oomScoreAdj: { type: "integer" },
    umask: { type: "integer" },
    restart: { type: "object", required: ["policy", "maximumRetries"] },
    health: { type: "object", required: ["test"], properties: { test: texts } },
    log: { type: "object", required: ["driver", "options"], properties: { driver: text, options: textMap } },
    stopSignal: text,
    stopTimeout: { type: "integer" },
    autoRemove: flag,
    stdinOnce: flag,
  },
};

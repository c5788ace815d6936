import { release } from "node:os";
import { versionText } from "../../core/version-text.ts";
import { newestApi, oldestApi } from "../http/version.ts";
import { architecture } from "./host.ts";

/** GET /version: the document that `docker version` prints as the server's half. */
export function describeVersion(): object {
  const about = {
    ApiVersion: `1.${newestApi}`,
    MinAPIVersion: `1.${oldestApi}`,
    GitCommit: "",
    // Docker is written in Go, and its clients print what it was built with.
    GoVersion: `none (Node.js ${process.versions.node})`,
    Os: "linux",
    Arch: architecture(),
    KernelVersion: release(),
    BuildTime: "",
  };
  const version = versionText();
  return {
    Platform: { Name: "mdocker" },
    Components: [{ Name: "Engine", Version: version, Details: { ...about, Experimental: "false" } }],
    Version: version,
    ...about,
  };
}

import type { Instance } from "../core/paths.ts";
import { MissingImageError } from "./find-root.ts";
import { type PrepareOptions, prepare } from "./prepare.ts";
import type { Prepared } from "./prepared.ts";
import type { RunRequest } from "./request.ts";

/** Prepares, and makes the default image when that is what is missing and `--pull` does not forbid it. */
export async function prepareWithImage(
  instance: Instance,
  request: RunRequest,
  { say, ...options }: PrepareOptions & { readonly say: (line: string) => void },
): Promise<Prepared> {
  try {
    return await prepare(instance, request, options);
  } catch (error) {
    const { root } = request;
    if (!(error instanceof MissingImageError) || root.kind !== "image" || root.pull === "never") throw error;
    const { ensureLabImage, labName } = await import("../../rootfs/lab/create.ts");
    if (root.reference !== labName && root.reference !== `${labName}:latest`) throw error;
    await ensureLabImage(instance, say);
    return await prepare(instance, request, options);
  }
}

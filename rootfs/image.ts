/** What an image says about the container to start from it; names as in the OCI image-spec (config.md). */
export interface ImageConfig {
  readonly Env: readonly string[];
  readonly Cmd: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly WorkingDir: string;
  readonly User: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly ExposedPorts: readonly string[];
  readonly Volumes: readonly string[];
  readonly StopSignal: string | undefined;
}

/** An image of the store, ready to start from. */
export interface Image {
  /** Familiar name: `lab:latest`; the id when it was found by id and has no name. */
  readonly reference: string;
  /** `sha256:...` of the config document: docker's image id. */
  readonly id: string;
  /** `sha256:...` of the manifest. */
  readonly manifest: string;
  readonly config: ImageConfig;
  /** Absolute directories, lowest first, each usable as an overlay lowerdir. */
  readonly layers: readonly string[];
  /** Bytes of all files of all layers. */
  readonly size: number;
  /** When it was made, or stored if it hides that. ISO 8601. */
  readonly created: string;
  readonly architecture: string;
}

/** The config document of an image, as far as it is read here; every field may be missing in a foreign one. */
export interface ImageDocument {
  readonly architecture?: string;
  readonly os?: string;
  readonly created?: string;
  readonly config?: {
    readonly Env?: readonly string[] | null;
    readonly Cmd?: readonly string[] | null;
    readonly Entrypoint?: readonly string[] | null;
    readonly WorkingDir?: string;
    readonly User?: string;
    readonly Labels?: Readonly<Record<string, string>> | null;
    readonly ExposedPorts?: Readonly<Record<string, unknown>> | null;
    readonly Volumes?: Readonly<Record<string, unknown>> | null;
    readonly StopSignal?: string;
  } | null;
  readonly rootfs: { readonly type: "layers"; readonly diff_ids: readonly string[] };
  readonly history?: readonly { readonly created?: string; readonly created_by?: string }[];
}

/** A descriptor of the OCI image-spec (descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** An image manifest of the OCI image-spec (manifest.md). */
export interface Manifest {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** The config with a value for everything that may be left out. */
export function completeConfig(document: ImageDocument): ImageConfig {
  const config = document.config ?? {};
  return {
    Env: config.Env ?? [],
    Cmd: config.Cmd ?? [],
    Entrypoint: config.Entrypoint ?? [],
    WorkingDir: config.WorkingDir ?? "",
    User: config.User ?? "",
    Labels: config.Labels ?? {},
    ExposedPorts: Object.keys(config.ExposedPorts ?? {}),
    Volumes: Object.keys(config.Volumes ?? {}),
    StopSignal: config.StopSignal,
  };
}

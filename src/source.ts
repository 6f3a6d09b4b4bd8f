// Where bytes come from, and what a caller may say about getting them. Types alone: bytes.ts and download/ do it.

/** Where bytes come from: a URL, a File or Blob, bytes in memory, or a fetch's response. */
export type Source = string | URL | Blob | ArrayBuffer | ArrayBufferView | Response;

export interface Progress {
  /** Bytes so far. */
  readonly loaded: number;
  /** Undefined where the server does not say. */
  readonly total: number | undefined;
}

export interface LoadOptions {
  /** Aborts the download; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/** A file of a repository on huggingface.co. */
export interface HubFile {
  /** `owner/name`. */
  readonly repo: string;
  /** Its path in the repository. */
  readonly file: string;
  /** A commit, which pins the file, or a branch or tag; default `main`. */
  readonly revision?: string;
  /** Of the whole file, 64 hexadecimal digits. */
  readonly sha256?: string;
}

export interface LoadWeightsOptions extends LoadOptions {
  /** Of the whole file, 64 hexadecimal digits; anything else is refused. */
  readonly sha256?: string;
  /**
   * Whether a download is kept in the browser's Cache Storage, under `latent-preview-weights`, and taken from there the next
   * time. Default: true where a sha256 or a commit says which file it is, else false, for nothing tells when a URL's file
   * has changed. Where there is no such storage, or no room in it, weights are loaded all the same.
   */
  readonly cache?: boolean;
}

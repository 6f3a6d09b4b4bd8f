// Everything the page knows, as plain data, and the one place that changes it. Modules read it and listen.

import type { knownDecoders } from '../src/decoders/known';
import type {
  Decoder,
  Domain,
  DType,
  FormatGuess,
  FrameOptions,
  Latents,
  Layout,
  ListedTensor,
  Shape,
} from '../src/index';

export interface Reference {
  readonly name: string;
  readonly image: ImageData;
}

/** One file of latents. */
export interface LatentFile {
  readonly name: string;
  readonly blob: Blob;
  readonly latents: Latents;
  /** The file's tensors, where it has several, and the chosen one. */
  readonly tensors: readonly ListedTensor[];
  readonly key?: string;
  /** What a person said of raw numbers. */
  readonly raw?: { readonly shape: Shape; readonly dtype?: DType | undefined };
  readonly reference?: Reference;
}

export type Axis = 'file' | 'item' | 'frame';

/** What latents are taken to mean. */
export interface Reading {
  /** A family's id. */
  readonly format: string;
  readonly domain: Domain;
  readonly layout?: Layout | undefined;
  /** Latent rows and columns of tokens. */
  readonly grid?: { readonly height: number; readonly width: number } | undefined;
}

/** What one tile stands for: a file of latents, or several that play as a sequence. */
export interface Entry extends Reading {
  readonly id: string;
  readonly title: string;
  readonly files: readonly LatentFile[];
  readonly guesses: readonly FormatGuess[];
  /** The user has said what it means. */
  readonly chosen?: boolean;
  /** Which of the family's decoders; see decoders.ts. */
  readonly decoder: string;
  readonly position: Readonly<Record<Axis, number>>;
  /** Which axis plays; undefined: the first with more than one step. */
  readonly axis?: Axis;
  /** Of the axis that plays, the user's own; of latent frames those of the video. */
  readonly fps?: number | undefined;
  /** All pictures along an axis side by side; not open: one of them enlarged. */
  readonly sheet?: { readonly axis: Axis; readonly open: boolean };
  readonly sample?: Sample;
}

/** One entry of samples/manifest.json. */
export interface Sample {
  readonly id: string;
  readonly title: string;
  readonly photo: string;
  readonly credit: string;
  readonly licence: string;
  readonly format: string;
  readonly file: string;
  readonly reference: string;
  readonly kind: 'image' | 'sequence';
  readonly domain: Domain;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly made: string;
  readonly timesteps?: readonly (number | null)[];
}

/** A file that could not be opened, with what would help. */
export interface Problem {
  readonly id: string;
  readonly name: string;
  readonly message: string;
  readonly blob: Blob;
  readonly help: 'none' | 'raw' | 'tensor';
  readonly tensors: readonly ListedTensor[];
  /** The dropped decoder that it is about: one that fits nothing on show and waits for latents that it fits. */
  readonly decoder?: string;
}

/** A decoder that was dropped onto the page, or downloaded; or the mini decoder of a family. */
export interface ImportedDecoder {
  readonly id: string;
  /** The file's name, or the known decoder's. */
  readonly file: string;
  readonly decoder: Decoder;
  /** The library's function that reads it. */
  readonly read: 'decoderFromWeights' | 'latentMap' | 'mini' | 'mlp' | 'polynomial';
  /** Of a net: it is as fast here as a table for all that a person sees. */
  readonly quick?: boolean;
  /** Of one that was downloaded: the name that `loadWeights` knows it by. */
  readonly known?: KnownName;
}

export type KnownName = keyof typeof knownDecoders;

/** How it stands with a known decoder that the page does not have yet. */
export type Download =
  | { readonly state: 'kept' }
  | { readonly state: 'loading'; readonly loaded: number; readonly total: number | undefined }
  | { readonly state: 'failed'; readonly message: string };

export type Mode = 'slider' | 'side' | 'difference' | 'preview';
export type Backend = 'auto' | 'webgpu' | 'cpu';

export interface State {
  readonly samples: readonly Sample[];
  /** Opened ones, the user's and samples. */
  readonly entries: readonly Entry[];
  readonly current: string | undefined;
  /** Reference images whose latents have not come yet. */
  readonly waiting: readonly Reference[];
  readonly problems: readonly Problem[];
  readonly decoders: readonly ImportedDecoder[];
  readonly downloads: Readonly<Partial<Record<KnownName, Download | undefined>>>;
  readonly backend: Backend;
  readonly mode: Mode;
  readonly zoom: 'fit' | 'actual';
  readonly amplify: number;
  readonly size: 'latent' | 'image';
  readonly filter: NonNullable<FrameOptions['resample']>;
  /** Of the decoders that are compared. */
  readonly order: 'ladder' | 'best';
  readonly playing: boolean;
  readonly loop: boolean;
  /** Of playing, as a multiple of the real one. */
  readonly speed: number;
  /** Files that are being read. */
  readonly busy: number;
}

type Listener = (state: State, before: State) => void;

export interface Store {
  readonly state: State;
  /** Listeners hear of it before this returns. */
  set(patch: Partial<State>): void;
  setEntry(id: string, patch: Partial<Entry>): void;
  listen(listener: Listener): void;
}

export function createStore(initial: State): Store {
  let state = initial;
  const listeners: Listener[] = [];
  const set = (patch: Partial<State>): void => {
    const before = state;
    state = { ...state, ...patch };
    for (const listener of listeners) listener(state, before);
  };
  return {
    get state() {
      return state;
    },
    set,
    setEntry(id, patch) {
      set({ entries: state.entries.map((entry) => (entry.id === id ? { ...entry, ...patch } : entry)) });
    },
    listen(listener) {
      listeners.push(listener);
    },
  };
}

export const currentEntry = ({ entries, current }: State): Entry | undefined =>
  entries.find(({ id }) => id === current);

let made = 0;
/** Unique on this page. */
export const newId = (prefix: string): string => `${prefix}-${++made}`;

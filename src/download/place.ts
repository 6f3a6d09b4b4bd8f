// A name, a repository's file or a URL → one URL, and which file is expected there.

import { knownDecoders } from '../decoders/known';
import { LatentPreviewError } from '../errors';
import type { HubFile, LoadWeightsOptions } from '../source';

/** Where a file is fetched from. */
export interface Place {
  readonly url: string;
  /** Lower case; undefined where nobody said. */
  readonly sha256: string | undefined;
  /** Whether it is kept, and taken from where it was kept. */
  readonly keep: boolean;
}

const hub = 'https://huggingface.co';

/** @throws LatentPreviewError `weights`, `file` */
export function placeOf(source: string | URL | HubFile, options: LoadWeightsOptions): Place {
  if (typeof source === 'string' && /^[\w-]+$/.test(source)) return placeOf(knownFile(source), options);
  const file = typeof source === 'string' || source instanceof URL ? undefined : source;
  const url = file ? hubUrl(file) : absolute(`${source}`);
  const sha256 = (file?.sha256 ?? options.sha256)?.toLowerCase();
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256))
    throw wrong(`sha256 '${sha256}' is not of 64 hexadecimal digits`);
  const pinned = sha256 !== undefined || /^[0-9a-f]{40}$/.test(file?.revision ?? '');
  return { url, sha256, keep: options.cache ?? pinned };
}

function knownFile(name: string): HubFile {
  const found = new Map<string, HubFile>(Object.entries(knownDecoders)).get(name);
  if (found) return found;
  const names = Object.keys(knownDecoders).join(', ');
  throw wrong(`no decoder is known as '${name}'; known are ${names}. A URL of one word is written './${name}'`);
}

function hubUrl({ repo, file, revision = 'main' }: HubFile): string {
  if (typeof repo !== 'string' || !/^\w[\w.-]*\/\w[\w.-]*$/.test(repo))
    throw wrong(`repo '${repo}' is not of the form 'owner/name', such as 'madebyollin/taesd'`);
  if (typeof file !== 'string' || file === '' || file.split('/').some((part) => /^\.{0,2}$/.test(part)))
    throw wrong(`file '${file}' is no path in the repository ${repo}, such as 'taesd_decoder.safetensors'`);
  if (typeof revision !== 'string' || revision === '')
    throw wrong(`revision '${revision}' is no commit, branch or tag of ${repo}`);
  const path = file.split('/').map(encodeURIComponent).join('/');
  return `${hub}/${repo}/resolve/${encodeURIComponent(revision)}/${path}`;
}

/** One spelling for one file, so that it is fetched and kept once. */
function absolute(url: string): string {
  const page = globalThis.document?.baseURI ?? globalThis.location?.href;
  try {
    return new URL(url, page).href;
  } catch (cause) {
    throw new LatentPreviewError(
      'file',
      `load: '${url}' is no absolute URL, and there is no page here that it could be relative to; give an absolute URL, ` +
        'or the bytes of the file',
      { cause },
    );
  }
}

const wrong = (message: string): LatentPreviewError => new LatentPreviewError('weights', `weights: ${message}`);

// What ComfyUI's messages hold: binary frames, of which each begins with its event's number, and what JSON says of progress.
// Numbers are big-endian; the contracts are ComfyUI's protocol.py, server.py and comfy_execution/progress.py.

import { LatentPreviewError } from '../index';
import { decodeLatents, type LatentStep } from '../stream/decode';
import type { ImageStep } from '../stream/show-frame';
import { magic as latentsEvent, latentsKind, readStart } from '../stream/wire';
import { asCount, asObject, asText, parseObject, type Said } from './json';
import { pictureOf } from './picture';

const [imageEvent, textEvent, imageWithMetadataEvent] = [1, 3, 4];

interface NodeProgress {
  readonly step: number;
  readonly steps: number | undefined;
}

/** What was told so far. */
export interface Progress {
  /** The prompt that is being run. */
  readonly job: string | undefined;
  /** The node of it. */
  readonly node: string | undefined;
  readonly nodes: ReadonlyMap<string, NodeProgress>;
  /** The prompt that ended last. */
  readonly ended: string | undefined;
}

export const noProgress: Progress = { job: undefined, node: undefined, nodes: new Map(), ended: undefined };

/** What a message in JSON changes. Text that is none, and messages of other kinds, change nothing. */
export function readProgress(text: string, before: Progress): Progress {
  const said = parseObject(text);
  const data = asObject(said?.data);
  if (!data) return before;
  const job = asText(data.prompt_id) ?? before.job;
  const now = job === before.job ? before : { ...noProgress, job, ended: before.ended };
  switch (said?.type) {
    case 'execution_start':
      return { ...now, node: undefined, nodes: new Map() };
    case 'executing':
      // No node: all are done.
      return data.node === null ? { ...now, ended: job } : { ...now, node: asText(data.node) };
    case 'progress': {
      const node = asText(data.node) ?? now.node;
      return { ...now, node, nodes: node === undefined ? now.nodes : new Map(now.nodes).set(node, counted(data)) };
    }
    case 'progress_state': {
      const states = Object.entries(asObject(data.nodes) ?? {});
      return { ...now, nodes: new Map(states.map(([node, state]) => [node, counted(asObject(state) ?? {})])) };
    }
    case 'execution_success':
    case 'execution_error':
    case 'execution_interrupted':
      return { ...now, ended: job };
    default:
      return before;
  }
}

const counted = ({ value, max }: Said): NodeProgress => ({ step: asCount(value) ?? 0, steps: asCount(max) });

/** Of frames too short to say it: undefined. */
const eventOf = (bytes: Uint8Array): number | undefined => (bytes.length >= 4 ? u32(bytes, 0) : undefined);

/** Whether a frame shows something. */
export function isPicture(bytes: Uint8Array): boolean {
  const event = eventOf(bytes);
  return event === imageEvent || event === imageWithMetadataEvent || event === latentsEvent;
}

/** What a node says; undefined of other frames. @throws LatentPreviewError `file` where the frame is damaged */
export function readText(bytes: Uint8Array): { text: string; node: string } | undefined {
  const event = eventOf(bytes);
  if (event === undefined)
    throw refuse(`a binary message of ${bytes.length} bytes; its event's number alone has 4, the message was cut`);
  if (event !== textEvent) return undefined;
  const end = afterLength(bytes, textEvent, "the node's id");
  return { node: utf8(bytes.subarray(8, end)), text: utf8(bytes.subarray(end)) };
}

/** A step, and the prompt that it is of; undefined of packets that hold no latents. */
export async function readFrame(
  bytes: Uint8Array,
  progress: Progress,
  maxBytes: number,
): Promise<{ step: LatentStep | ImageStep; job: string | undefined } | undefined> {
  const event = u32(bytes, 0);
  if (event === latentsEvent) {
    if (readStart(bytes, maxBytes).kind !== latentsKind) return undefined;
    return { step: await decodeLatents(bytes, { maxBytes }), job: progress.job };
  }
  const where = `comfyui: event ${event}`;
  if (event === imageEvent) {
    if (bytes.length < 8) throw refuse(`event ${imageEvent}: ${bytes.length} bytes; the kind of picture is at byte 4`);
    const { job, node } = progress;
    return { step: imageStep(pictureOf(bytes.subarray(8), where), { job, node }, progress), job };
  }
  const end = afterLength(bytes, imageWithMetadataEvent, 'the metadata');
  const metadata = parseObject(utf8(bytes.subarray(8, end)));
  if (!metadata) throw refuse(`event ${event}: byte 8: ${end - 8} bytes of metadata are no JSON object`);
  const [job, node] = [asText(metadata.prompt_id) ?? progress.job, asText(metadata.node_id)];
  return { step: imageStep(pictureOf(bytes.subarray(end), where), { job, node }, progress), job };
}

function imageStep(image: Blob, { job, node }: Pick<ImageStep, 'job' | 'node'>, { nodes }: Progress): ImageStep {
  const { step = 0, steps } = (node === undefined ? undefined : nodes.get(node)) ?? {};
  const progress = steps ? Math.min(step / steps, 1) : undefined;
  return { image, step, steps, progress, size: undefined, job, node, missed: 0 };
}

/** Where what has its length at byte 4 ends. */
function afterLength(bytes: Uint8Array, event: number, what: string): number {
  if (bytes.length < 8) throw refuse(`event ${event}: ${bytes.length} bytes; the length of ${what} is at byte 4`);
  const end = 8 + u32(bytes, 4);
  if (end > bytes.length)
    throw refuse(`event ${event}: byte 4: ${what} ends at byte ${end}, the message has ${bytes.length}`);
  return end;
}

const u32 = (bytes: Uint8Array, at: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at, false);

const utf8 = (bytes: Uint8Array): string => new TextDecoder().decode(bytes as Uint8Array<ArrayBuffer>);

const refuse = (message: string): LatentPreviewError => new LatentPreviewError('file', `comfyui: ${message}`);

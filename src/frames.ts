// The frames of latents that a GPU decodes: where each lies, or how it gets there. Loaded with the GPU side.

import type { Decoder } from './decoders/decoder';
import type { LatentFormat } from './formats/format';
import type { GpuDecoder, Job } from './gpu/decode';
import type { OutputSize } from './gpu/resizer';
import type { LatentSource } from './gpu/source';
import { allFrames, frameData, frameSpan } from './gpu/upload';
import type { Latents } from './latents';
import { domainMap, type LatentView, type Selection } from './view';

// Of latents that are uploaded all at once; others go up frame by frame.
const uploadBytes = 64 * 2 ** 20;

/** One job per selected frame. Latents in CPU memory are uploaded once for all of them. */
export function frameJobs(
  { gpu, device, format, decoder }: { gpu: GpuDecoder; device: GPUDevice; format: LatentFormat; decoder: Decoder },
  { tensor }: Latents,
  view: LatentView,
  selections: readonly Selection[],
  size: OutputSize,
): Job[] {
  let all = 'buffer' in tensor || selections.length < 2 ? undefined : allFrames(tensor, view);
  // A frame is bound from its first element to its last, which lie far apart where frames lie between channels.
  if (all && (all.data.byteLength > uploadBytes || frameSpan(view) * 4 > device.limits.maxStorageBufferBindingSize / 2))
    all = undefined;
  return selections.map(({ item, frame }): Job => {
    const base = item * view.strides.item + frame * view.strides.frame;
    const map = domainMap(format, view.domain, decoder.domain, view.patch, frame);
    const source = (): LatentSource => {
      if ('buffer' in tensor)
        return { buffer: tensor.buffer, offset: tensor.offset, base, dtype: tensor.dtype, view, domainMap: map };
      const data = all ?? frameData(tensor, view, base);
      return {
        ...gpu.upload(data),
        base: all ? base : 0,
        dtype: data.dtype,
        view: { ...view, strides: data.strides },
        domainMap: map,
      };
    };
    return { source, view, size, alone: !all && !('buffer' in tensor) };
  });
}

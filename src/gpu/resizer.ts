// Pictures at another size than the decoder's, one kept per size.

import { layer } from '../ops/op';
import { type Filter, resize } from '../ops/resize';
import { pipelineOf } from './kernel';
import { RecentMap } from './memory';
import { checkPicture, createPicture } from './picture';

export interface OutputSize {
  readonly width: number;
  readonly height: number;
  readonly filter: Filter;
}

interface Resized {
  readonly picture: GPUTexture;
  /** Bind groups by the picture they read and the filter. */
  readonly groups: WeakMap<GPUTexture, Map<Filter, GPUBindGroup>>;
}

export class Resizer {
  readonly #device: GPUDevice;
  readonly #resized = new RecentMap<Resized>(8, ({ picture }) => picture.destroy());

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Makes the picture of this size, where `decoded` is of another. @throws LatentPreviewError `gpu-limit` */
  prepare(decoded: GPUTexture, { width, height }: OutputSize): void {
    if (decoded.width !== width || decoded.height !== height) this.#picture(width, height);
  }

  /** The picture in that size: itself where it has it. */
  record(encoder: GPUCommandEncoder, decoded: GPUTexture, { width, height, filter }: OutputSize): GPUTexture {
    if (decoded.width === width && decoded.height === height) return decoded;
    const { picture, groups } = this.#picture(width, height);
    const kernel = layer(resize, { width, height, filter }).kernel(
      [3, decoded.height, decoded.width],
      this.#device.limits,
    );
    const pipeline = pipelineOf(this.#device, { kernel, input: 'picture', output: 'picture' });
    let perFilter = groups.get(decoded);
    if (!perFilter) {
      perFilter = new Map();
      groups.set(decoded, perFilter);
    }
    let group = perFilter.get(filter);
    if (!group) {
      group = this.#device.createBindGroup({
        label: `resize ${filter}`,
        layout: pipeline.getBindGroupLayout(0),
        entries: [
          { binding: 0, resource: decoded.createView() },
          { binding: 4, resource: picture.createView() },
        ],
      });
      perFilter.set(filter, group);
    }
    const pass = encoder.beginComputePass({ label: 'latent-preview resize' });
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(...kernel.workgroups);
    pass.end();
    return picture;
  }

  clear(): void {
    this.#resized.clear();
  }

  #picture(width: number, height: number): Resized {
    checkPicture(this.#device, width, height);
    return this.#resized.get(`${width}×${height}`, () => ({
      picture: createPicture(this.#device, width, height, 'resized'),
      groups: new WeakMap(),
    }));
  }
}

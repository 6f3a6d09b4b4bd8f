// The textures that finished pictures lie in.

import { LatentPreviewError } from '../errors';

/** An rgba8 texture that kernels write and that can be copied, sampled and read back. */
export const createPicture = (device: GPUDevice, width: number, height: number, label: string): GPUTexture =>
  device.createTexture({
    label: `${label} ${width}×${height}`,
    size: [width, height],
    format: 'rgba8unorm',
    usage: GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_SRC,
  });

/** @throws LatentPreviewError `gpu-limit` */
export function checkPicture(device: GPUDevice, width: number, height: number): void {
  const most = device.limits.maxTextureDimension2D;
  if (width > most || height > most)
    throw new LatentPreviewError(
      'gpu-limit',
      `previewer: a picture of ${width}×${height} exceeds the device's ${most} pixels a side; ` +
        `ask for a smaller \`size\`, use backend 'cpu', or pass a device with a higher maxTextureDimension2D`,
    );
}

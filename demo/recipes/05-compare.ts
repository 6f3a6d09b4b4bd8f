import { compareImages, createPreviewer, loadLatents } from 'latent-preview';

/** How far a preview is from the full decode: both at the reference's size. */
export async function measure(file: File | string, reference: ImageData): Promise<string> {
  const previewer = await createPreviewer({ format: 'sdxl' });
  const { width, height } = reference;
  const image = await previewer.toImageData(await loadLatents(file), { size: { width, height }, resample: 'bicubic' });
  previewer.destroy();
  const { psnr, ssim, deltaE } = compareImages(image, reference);
  return `PSNR ${psnr.toFixed(1)} dB, SSIM ${ssim.toFixed(3)}, ΔE ${deltaE.toFixed(1)}`;
}

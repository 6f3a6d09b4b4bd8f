// Mean and standard deviation of each channel of model latents, measured by this project on photos that it encoded with
// the TAESD family's encoders: how guesses tell families of one channel count apart. Facts about the latent spaces, not
// part of decoding.

export interface ChannelStatistics {
  /** How many photos they were measured on. */
  readonly photos: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** By base format id. */
export const channelStatistics: Readonly<Record<string, ChannelStatistics | undefined>> = {
  sd15: {
    photos: 7,
    mean: [0.24, -0.21, -0.12, 0.19],
    std: [1.0, 0.88, 0.8, 0.68],
  },
  sdxl: {
    photos: 7,
    mean: [-0.45, -0.17, 0.07, 0.1],
    std: [0.97, 0.83, 0.87, 0.76],
  },
  sd3: {
    photos: 5,
    mean: [0.28, -0.71, -0.21, -0.11, 1.28, -0.69, -0.54, -2.32, -0.01, 0.75, 0.25, 0.34, 0.25, -0.69, -0.16, 0.42],
    std: [0.63, 0.5, 0.74, 1.12, 0.74, 0.76, 0.9, 0.91, 0.76, 0.59, 0.62, 0.59, 0.61, 0.92, 0.69, 0.83],
  },
  flux: {
    photos: 5,
    mean: [-0.49, -0.48, 0.56, -0.1, 0.03, 0.03, -0.74, 0.53, -0.31, 0.51, -0.2, 0.32, -0.29, -0.42, -0.06, -0.18],
    std: [0.76, 1.2, 1.01, 0.48, 0.53, 0.77, 0.97, 0.78, 0.7, 1.02, 0.64, 0.85, 0.95, 1.43, 0.82, 0.9],
  },
  flux2: {
    photos: 7,
    mean: [
      -0.02, -0.12, -0.07, -0.13, -0.05, 0.11, -0.17, -0.2, 0.01, 0.07, 0.11, -0.06, -0.07, 0.22, -0.13, -0.28, 0.24,
      0.06, -0.07, -0.02, -0.17, -0.02, -0.06, -0.12, -0.23, 0.07, 0.22, 0.14, -0.11, -0.06, -0.31, -0.22,
    ],
    std: [
      0.68, 0.95, 0.93, 1.02, 0.78, 0.89, 1.08, 0.72, 1.01, 0.61, 0.6, 0.91, 0.67, 0.64, 0.96, 1.0, 0.69, 0.68, 0.67,
      0.94, 0.71, 0.7, 0.65, 0.72, 0.91, 0.74, 0.89, 0.89, 0.75, 0.91, 0.72, 0.91,
    ],
  },
};

// What the element tells its page, with types for `addEventListener`. None of these events bubbles, as an image's do not.

import type { LatentPreviewError } from '../index';

/** What the element is doing; also its CSS states: `latent-preview:state(error)`. */
export type ElementState = 'empty' | 'loading' | 'shown' | 'error';

/** Of `load`: a picture is on show. Fires for each, those of a stream included. */
export interface LoadDetail {
  /** The picture's pixels. */
  readonly width: number;
  readonly height: number;
  /** Which latent frame, and of how many. */
  readonly frame: number;
  readonly frames: number;
  /** The format's id. */
  readonly format: string;
  /** The decoder's name. */
  readonly decoder: string;
  readonly backend: 'webgpu' | 'cpu';
  /** From asking the previewer to the picture; a GPU may still be at work on it. */
  readonly milliseconds: number;
}

/** Of `progress`: bytes of the latents or of the decoder's weights, or the done part of a long decode, from 0 to 1. */
export interface ProgressDetail {
  readonly phase: 'latents' | 'weights' | 'decode';
  readonly loaded: number;
  /** Undefined where the server does not say. */
  readonly total: number | undefined;
}

/** Of `devicelost`. */
export interface DeviceLostDetail {
  readonly reason: GPUDeviceLostReason;
  /** The browser's words; often none. */
  readonly message: string;
  /**
   * Whether the element goes on with a device of its own that is new, as it does three times. Where the device was yours,
   * or after that, it shows its error: set `device` to another one, or call `reload()`.
   */
  readonly recovering: boolean;
}

/** The element's events, by name. */
export interface LatentPreviewEventMap extends Omit<HTMLElementEventMap, 'load' | 'progress' | 'error'> {
  load: CustomEvent<LoadDetail>;
  progress: CustomEvent<ProgressDetail>;
  /** Its detail is what went wrong; `detail.code` says of which kind. */
  error: CustomEvent<LatentPreviewError>;
  devicelost: CustomEvent<DeviceLostDetail>;
}

/** An element whose listeners know the details. */
export interface PreviewElementBase extends HTMLElement {
  addEventListener<K extends keyof LatentPreviewEventMap>(
    type: K,
    listener: (this: HTMLElement, event: LatentPreviewEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof LatentPreviewEventMap>(
    type: K,
    listener: (this: HTMLElement, event: LatentPreviewEventMap[K]) => unknown,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | EventListenerOptions,
  ): void;
}

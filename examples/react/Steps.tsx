// The web component in React 19: strings are attributes, objects properties, `on` before an event's name listens. For pages
// that a server renders see ../next.

import 'latent-preview/element/define';
import type { LatentsInput } from 'latent-preview/element';
import type {} from 'latent-preview/element/react'; // the types of <latent-preview> in JSX
import { useState } from 'react';

export function Steps({ src, latents }: { src: string; latents?: LatentsInput }) {
  const [said, setSaid] = useState('decoding');
  return (
    <figure>
      <latent-preview
        src={src}
        latents={latents} // the newest step of a sampler, once there is one
        format="sd15"
        upscale="image"
        aria-label="What the model is painting"
        onload={({ detail }) => setSaid(`${detail.width} × ${detail.height}, ${detail.decoder}`)}
        onerror={({ detail }) => setSaid(detail.message)}
      />
      <figcaption>{said}</figcaption>
    </figure>
  );
}

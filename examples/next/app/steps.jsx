'use client';
// The server renders a tag with its attributes. React attaches no listeners and sets no properties where it takes over such a
// tag, so the ref listens, and the element is defined after that: no event is missed, and the page loads without the library.

import { useCallback, useState } from 'react';

export function Steps({ src }) {
  const [said, setSaid] = useState('decoding');
  const start = useCallback((element) => {
    const shown = ({ detail }) => setSaid(`${detail.width} × ${detail.height}, ${detail.decoder}`);
    const failed = ({ detail }) => setSaid(detail.message);
    element.addEventListener('load', shown);
    element.addEventListener('error', failed);
    import('latent-preview/element/define');
    return () => {
      element.removeEventListener('load', shown);
      element.removeEventListener('error', failed);
    };
  }, []);
  return (
    <figure>
      <latent-preview ref={start} src={src} format="sd15" upscale="image" />
      <figcaption>{said}</figcaption>
    </figure>
  );
}

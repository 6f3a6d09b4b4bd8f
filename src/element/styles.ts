// How the element looks. Colours are the system's, so that it follows the page's `color-scheme` and forced colours; what
// pages may set is in README.md. As text for constructable style sheets: they need no leave from a content security policy.

export const styles = `
:host {
  display: inline-block;
  position: relative;
  box-sizing: border-box;
  min-inline-size: 0;
  max-inline-size: 100%;
  aspect-ratio: 1;
  overflow: clip;
  vertical-align: bottom;
  background: var(--latent-preview-background, transparent);
}
:host([hidden]), [hidden] { display: none !important; }
/* As wide as the picture where the page says nothing, as an image is. */
.natural { inline-size: 16rem; max-inline-size: 100%; }
canvas {
  position: absolute;
  inset: 0;
  inline-size: 100%;
  block-size: 100%;
  object-fit: var(--latent-preview-fit, contain);
  image-rendering: var(--latent-preview-rendering, auto);
}
/* A box of the picture's shape has a fraction of a pixel more or less, which is no reason for a gap. */
canvas.exact { object-fit: fill; }
.cover {
  position: absolute;
  inset: 0;
  display: grid;
  grid-template-columns: minmax(0, 1fr);
  align-content: safe center;
  justify-items: center;
  gap: 0.5em;
  padding: 0.75em;
  overflow: auto;
  background: var(--latent-preview-cover, color-mix(in srgb, Canvas 88%, transparent));
  color: CanvasText;
  font: 0.8125rem/1.4 system-ui, sans-serif;
  text-align: center;
  overflow-wrap: anywhere;
}
/* What is there in a moment needs no announcement. */
.cover.late { animation: late 0.3s step-end; }
@keyframes late { from { visibility: hidden; } }
progress { inline-size: 10rem; max-inline-size: 100%; accent-color: var(--latent-preview-accent, auto); }
button {
  font: inherit;
  padding: 0.25em 0.9em;
}
.frames {
  position: absolute;
  inset: auto 0.5rem 0.5rem;
  border-radius: 0.5rem;
  background: var(--latent-preview-cover, color-mix(in srgb, Canvas 80%, transparent));
  opacity: 0;
}
:host(:hover) .frames, .frames:focus-within { opacity: 1; }
@media (hover: none) { .frames { opacity: 1; } }
input {
  display: block;
  box-sizing: border-box;
  inline-size: 100%;
  margin: 0;
  padding: 0.375rem;
  border-radius: inherit;
  accent-color: var(--latent-preview-accent, auto);
}
:focus-visible { outline: 2px solid CanvasText; outline-offset: -2px; }
`;

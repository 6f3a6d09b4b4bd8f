// What a server says in JSON, of which nothing is known before it was looked at.

export type Said = Readonly<Record<string, unknown>>;

/** Undefined where it is no object. */
export const asObject = (value: unknown): Said | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Said) : undefined;

/** Undefined where it is no JSON, or no object in JSON. */
export function parseObject(text: string): Said | undefined {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return undefined;
  }
}

export const asText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** Steps, and how many: whole numbers from 0. Undefined for all else. */
export const asCount = (value: unknown): number | undefined =>
  typeof value === 'number' && value >= 0 && value < 2 ** 31 ? Math.round(value) : undefined;

/** From 0 to 1; undefined for what is no number. */
export const asShare = (value: unknown): number | undefined =>
  typeof value === 'number' && !Number.isNaN(value) ? Math.min(Math.max(value, 0), 1) : undefined;

/** Of a picture, in pixels; undefined where it is none that a canvas could have. */
export function asSize({ width, height }: Said): { width: number; height: number } | undefined {
  const [w, h] = [asCount(width), asCount(height)];
  return w && h && Math.max(w, h) <= 16384 ? { width: w, height: h } : undefined;
}

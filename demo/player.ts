// Sequences: one axis of an entry (files, frames or items) with a scrubber, play and pause, and frames per second.

import { byId, fillSelect, range } from './dom';
import { axesOf, playedAxis } from './entry';
import { type Axis, currentEntry, type Entry, type State, type Store } from './state';

const axisNames: Record<Axis, string> = { file: 'files', item: 'items', frame: 'frames' };

export interface Player {
  toggle(): void;
  /** Moves by steps, stopping at the ends; also pauses. */
  step(by: number): void;
  go(place: 'first' | 'last'): void;
}

export function createPlayer(store: Store): Player {
  const transport = byId('transport', HTMLElement);
  const play = byId('play', HTMLButtonElement);
  const scrub = byId('scrub', HTMLInputElement);
  const axisSelect = byId('axis', HTMLSelectElement);
  const fps = byId('fps', HTMLInputElement);
  let last = 0;
  let ticking = false;

  store.listen((state, before) => {
    const entry = currentEntry(state);
    if (state.current !== before.current && entry) {
      const playing = autoplays(entry) && !matchMedia('(prefers-reduced-motion: reduce)').matches;
      if (playing !== state.playing) return store.set({ playing });
    }
    show(state, entry);
    if (state.playing && !ticking) {
      ticking = true;
      last = performance.now();
      requestAnimationFrame(tick);
    }
  });

  function show(state: State, entry: Entry | undefined): void {
    const played = entry && playedAxis(entry);
    transport.hidden = !played;
    if (!entry || !played) return;
    const position = entry.position[played.axis];
    range(scrub, position, played.count);
    const text = stepText(entry, played.axis, position, played.count);
    scrub.ariaValueText = text;
    byId('step', HTMLOutputElement).value = text;
    play.ariaLabel = state.playing ? 'Pause' : 'Play';
    play.dataset.playing = String(state.playing);
    if (document.activeElement !== fps) fps.value = String(state.fps);
    const axes = axesOf(entry);
    byId('axis-field', HTMLElement).hidden = axes.length < 2;
    const options = axes.map(({ axis, count }) => ({ value: axis, label: `${count} ${axisNames[axis]}` }));
    fillSelect(axisSelect, [{ options }], played.axis);
  }

  function moveTo(position: number, playing = false): void {
    const entry = currentEntry(store.state);
    const played = entry && playedAxis(entry);
    if (!entry || !played) return;
    const inside = Math.min(Math.max(position, 0), played.count - 1);
    if (store.state.playing && !playing) store.set({ playing: false });
    store.setEntry(entry.id, { position: { ...entry.position, [played.axis]: inside } });
  }

  function tick(now: number): void {
    const { state } = store;
    const entry = currentEntry(state);
    const played = entry && playedAxis(entry);
    ticking = state.playing && played !== undefined;
    if (!entry || !played || !state.playing) {
      if (state.playing) store.set({ playing: false });
      return;
    }
    const steps = Math.floor(((now - last) * state.fps) / 1000);
    if (steps > 0) {
      last += (steps * 1000) / state.fps;
      moveTo((entry.position[played.axis] + steps) % played.count, true);
    }
    requestAnimationFrame(tick);
  }

  const position = (): number => {
    const entry = currentEntry(store.state);
    const played = entry && playedAxis(entry);
    return entry && played ? entry.position[played.axis] : 0;
  };

  const player: Player = {
    toggle() {
      const entry = currentEntry(store.state);
      if (entry && playedAxis(entry)) store.set({ playing: !store.state.playing });
    },
    step: (by) => moveTo(position() + by),
    go: (place) => moveTo(place === 'first' ? 0 : Number.MAX_SAFE_INTEGER),
  };
  play.addEventListener('click', player.toggle);
  scrub.addEventListener('input', () => moveTo(Number(scrub.value)));
  axisSelect.addEventListener('change', () => {
    const entry = currentEntry(store.state);
    if (entry) store.setEntry(entry.id, { axis: axisSelect.value as Axis });
  });
  fps.addEventListener('input', () => {
    const value = Number(fps.value);
    if (value >= 1 && value <= 60) store.set({ fps: value });
  });
  return player;
}

/** A batch is several pictures, not a film. */
const autoplays = (entry: Entry): boolean => {
  const axis = playedAxis(entry)?.axis;
  return axis === 'file' || axis === 'frame' || entry.sample?.kind === 'sequence';
};

function stepText({ sample, files }: Entry, axis: Axis, position: number, count: number): string {
  const place = `${position + 1} / ${count}`;
  const timestep = axis === 'item' ? sample?.timesteps?.[position] : undefined;
  if (timestep !== undefined) return `${place} · ${timestep === null ? 'clean' : `t = ${timestep}`}`;
  return axis === 'file' ? `${place} · ${files[position]?.name ?? ''}` : place;
}

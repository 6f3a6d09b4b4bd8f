// Sequences: one axis of an entry (files, frames or items) with a scrubber, play and pause, and frames per second.

import { frameAt } from '../src/clips/index';
import { byId, fillSelect, range } from './dom';
import { axesInQuestion, axesOf, playedAxis } from './entry';
import { type PlayTime, playTime, rateText, seconds } from './play-time';
import { type Axis, currentEntry, type Entry, type State, type Store } from './state';

export const axisNames: Record<Axis, string> = { file: 'files', item: 'items', frame: 'frames' };

export interface Player {
  toggle(): void;
  toggleLoop(): void;
  /** Moves by steps, stopping at the ends; also pauses. */
  step(by: number): void;
  go(place: 'first' | 'last'): void;
}

export function createPlayer(store: Store): Player {
  const transport = byId('transport', HTMLElement);
  const play = byId('play', HTMLButtonElement);
  const loop = byId('loop', HTMLButtonElement);
  const scrub = byId('scrub', HTMLInputElement);
  const axisSelect = byId('axis', HTMLSelectElement);
  const fps = byId('fps', HTMLInputElement);
  const speed = byId('speed', HTMLSelectElement);
  /** When the last tick was, in milliseconds; how far in the sequence it was, in seconds; and what it showed. */
  let last = 0;
  let time = 0;
  let shown = '';
  let ticking = false;

  store.listen((state, before) => {
    const entry = currentEntry(state);
    if (state.current !== before.current && entry) {
      const playing = autoplays(entry) && !matchMedia('(prefers-reduced-motion: reduce)').matches;
      if (playing !== state.playing) return store.set({ playing });
    }
    const timing = entry && playTime(entry);
    show(state, entry, timing);
    if (entry && timing && placeOf(entry, timing) !== shown) {
      // Moved by somebody else.
      shown = placeOf(entry, timing);
      time = timing.frames[entry.position[timing.axis]]?.start ?? 0;
    }
    if (state.playing && !ticking) {
      ticking = true;
      last = performance.now();
      requestAnimationFrame(tick);
    }
  });

  function show(state: State, entry: Entry | undefined, timing: PlayTime | undefined): void {
    transport.hidden = !timing;
    if (!entry || !timing) return;
    const position = entry.position[timing.axis];
    range(scrub, position, timing.frames.length);
    const text = stepText(entry, timing, position);
    scrub.ariaValueText = text;
    byId('step', HTMLOutputElement).value = text;
    play.ariaLabel = state.playing ? 'Pause' : 'Play';
    play.dataset.playing = String(state.playing);
    loop.ariaPressed = String(state.loop);
    speed.value = String(state.speed);
    if (document.activeElement !== fps) fps.value = String(timing.framesPerSecond);
    const axes = axesOf(entry);
    byId('axis-field', HTMLElement).hidden = axes.length < 2;
    const options = axes.map(({ axis, count }) => ({ value: axis, label: `${count} ${axisNames[axis]}` }));
    fillSelect(axisSelect, [{ options }], timing.axis);
    byId('rate', HTMLElement).textContent = axesInQuestion(entry)
      ? 'Channels and frames are as many, so either axis may be time: see that Axes is right before you play.'
      : timing.video
        ? rateText(entry, timing)
        : '';
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
    const timing = entry && playTime(entry);
    ticking = state.playing && timing !== undefined;
    if (!entry || !timing || !state.playing) {
      if (state.playing) store.set({ playing: false });
      return;
    }
    time += ((now - last) / 1000) * state.speed;
    last = now;
    const over = time >= timing.duration && !state.loop;
    if (!over) time %= timing.duration;
    const position = frameAt(timing, time);
    if (position !== entry.position[timing.axis]) {
      shown = placeOf({ ...entry, position: { ...entry.position, [timing.axis]: position } }, timing);
      moveTo(position, true);
    }
    if (over) store.set({ playing: false });
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
      const played = entry && playedAxis(entry);
      if (!played) return;
      // Once over, from the start again.
      if (!store.state.playing && !store.state.loop && position() === played.count - 1) moveTo(0);
      store.set({ playing: !store.state.playing });
    },
    toggleLoop: () => store.set({ loop: !store.state.loop }),
    step: (by) => moveTo(position() + by),
    go: (place) => moveTo(place === 'first' ? 0 : Number.MAX_SAFE_INTEGER),
  };
  const patch = (change: Partial<Entry>): void => {
    const entry = currentEntry(store.state);
    if (entry) store.setEntry(entry.id, change);
  };
  play.addEventListener('click', player.toggle);
  loop.addEventListener('click', player.toggleLoop);
  scrub.addEventListener('input', () => moveTo(Number(scrub.value)));
  // The rate of frames of video says nothing about steps.
  axisSelect.addEventListener('change', () => patch({ axis: axisSelect.value as Axis, fps: undefined }));
  fps.addEventListener('input', () => {
    const value = Number(fps.value);
    if (value >= 1 && value <= 120) patch({ fps: value });
    else if (fps.value === '') patch({ fps: undefined });
  });
  speed.addEventListener('change', () => store.set({ speed: Number(speed.value) }));
  return player;
}

const placeOf = ({ id, position }: Entry, { axis, framesPerSecond }: PlayTime): string =>
  `${id} ${axis} ${position[axis]} ${framesPerSecond}`;

/** A batch is several pictures, not a film; and a clip is none before it is known which axis is time. */
const autoplays = (entry: Entry): boolean => {
  const axis = playedAxis(entry)?.axis;
  return (axis === 'file' || axis === 'frame' || entry.sample?.kind === 'sequence') && !axesInQuestion(entry);
};

function stepText({ sample, files }: Entry, { axis, video, frames, duration }: PlayTime, position: number): string {
  const place = `${position + 1} / ${frames.length}`;
  const timestep = axis === 'item' ? sample?.timesteps?.[position] : undefined;
  if (timestep !== undefined) return `${place} · ${timestep === null ? 'clean' : `t = ${timestep}`}`;
  if (video) return `${place} · ${seconds(frames[position]?.start ?? 0)} of ${seconds(duration)}`;
  return axis === 'file' ? `${place} · ${files[position]?.name ?? ''}` : place;
}

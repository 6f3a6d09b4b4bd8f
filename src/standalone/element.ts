// The standalone file with what pages put around it: <latent-preview>, registered; streams; previewers in workers. One file
// for pages without a bundler, and for the worker too: `new Worker('element.js', { type: 'module' })` serves previewers.

export * from '../element/define';
export * from '../index';
export * from '../stream/index';
export * from '../worker/index';
export { servePreviews } from '../worker/run';

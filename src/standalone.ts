// The library in one file, for pages without a bundler: `vite build --mode standalone` puts all that the core loads when
// needed into dist/standalone.js, minified.

export * from './index';

// `npm run docs`: the API of every entry point in package.json as a site in artifacts/docs.

import { Converter, ReflectionKind } from 'typedoc';
import { entries } from './scripts/entries.mjs';

/** Modules are called what users import. */
function nameModules(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.getChildrenByKind(ReflectionKind.Module)) {
      const entry = entries.find(({ place }) => place.replace(/\/index$/, '') === module.name);
      if (entry) module.name = entry.specifier;
    }
  });
}

/** @type {import('typedoc').TypeDocOptions} */
export default {
  name: 'latent-preview',
  entryPoints: entries.map(({ source }) => source),
  plugin: [nameModules],
  tsconfig: 'tsconfig.build.json',
  out: 'artifacts/docs',
  readme: 'README.md',
  excludeInternal: true,
  categorizeByGroup: false,
  // Source links need no remote, and a build of the same sources is the same.
  disableSources: true,
  hideGenerator: true,
  // Beneath the API: a table behind DType, a loader's signature, what a decoder's layers are to the plan, what platforms
  // call a listener.
  intentionallyNotExported: ['TensorArrays', 'Load', 'Layer', 'Listener'],
  // The README links to a folder of the repository.
  validation: { invalidPath: false },
  treatWarningsAsErrors: true,
};

// A page with the library and the recipes at hand, for specs that test them rather than the demo.

import { test as base, expect, type Page } from '@playwright/test';
import { bundle } from '../naga/bundle.mjs';

let code: Promise<string> | undefined;

/** `test` whose page can `import('/browser-suite.js')`; errors on the page fail it. */
export const test = base.extend<{ suite: Page }>({
  suite: async ({ page }, use) => {
    code ??= bundle('browser-suite.ts').then((bundled) => bundled.code);
    const body = await code;
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    await page.route('**/browser-suite.js', (route) => route.fulfill({ contentType: 'text/javascript', body }));
    await page.route('**/blank.html', (route) =>
      route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>blank</title><body style="margin:0">' }),
    );
    await page.goto('/blank.html');
    await use(page);
    expect(problems).toEqual([]);
  },
});

export type Suite = typeof import('../browser-suite');
export { expect };

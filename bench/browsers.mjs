// Browsers as people have them, started bare with a profile of their own: Playwright's protocol would be measured too, and
// Debian's Firefox does not speak it.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureChromium, ensureFirefox, ensureNaga } from '../scripts/setup.mjs';

const linux = process.platform === 'linux';
const software = linux || process.env.LP_SOFTWARE === '1';

/** @returns {(address: string) => { pid: number, ended: Promise<string>, close(): Promise<void> }} */
const starter = (executable, argumentsOf, environment, name) => (address) => {
  const profile = mkdtempSync(join(tmpdir(), 'latent-preview-bench-'));
  const child = spawn(executable, argumentsOf(profile, address), {
    env: { ...process.env, ...environment, HOME: profile },
    // A group of its own: a browser is many processes.
    detached: linux,
    stdio: 'ignore',
  });
  const gone = new Promise((resolve) => child.on('exit', resolve));
  return {
    pid: child.pid,
    ended: gone.then((status) => `${name} ended by itself (status ${status})`),
    async close() {
      try {
        process.kill(linux ? -child.pid : child.pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
      await gone;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
};

const versionOf = (executable) => spawnSync(executable, ['--version'], { encoding: 'utf8' }).stdout?.trim();

export function chromium() {
  const executable = ensureChromium();
  if (!executable) throw new Error('no Chromium: set LP_CHROMIUM or install one');
  const flags = [
    '--headless=new',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--enable-unsafe-webgpu',
    ...(software ? ['--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan', '--use-vulkan=swiftshader'] : []),
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
  ];
  const argumentsOf = (profile, address) => [...flags, `--user-data-dir=${profile}`, address];
  return { name: versionOf(executable) ?? 'Chromium', open: starter(executable, argumentsOf, {}, 'Chromium') };
}

const firefoxSettings = {
  'dom.webgpu.enabled': true,
  'gfx.webgpu.ignore-blocklist': true,
  'browser.shell.checkDefaultBrowser': false,
  'browser.aboutwelcome.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'toolkit.telemetry.enabled': false,
  'app.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,',
  'extensions.update.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  // A decode on a software adapter keeps a script, and the graphics process, longer than a page should.
  'dom.max_script_run_time': 0,
};

export function firefox() {
  const executable = ensureFirefox();
  if (!executable) throw new Error('no Firefox: set LP_FIREFOX or install one (Debian: firefox-esr)');
  const naga = software ? ensureNaga() : { environment: {} };
  const argumentsOf = (profile, address) => {
    const lines = Object.entries(firefoxSettings).map(
      ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`,
    );
    if (existsSync(profile)) writeFileSync(join(profile, 'user.js'), lines.join('\n'));
    return ['--headless', '--no-remote', '--profile', profile, address];
  };
  const open = starter(executable, argumentsOf, naga.environment ?? {}, 'Firefox');
  return { name: versionOf(executable) ?? 'Firefox', open };
}

// What `npm test` and `npm run demo` need on a fresh machine: Node, dependencies, Chromium, Vulkan drivers, Deno.
// Imports Node's built-ins alone, because it runs before anything is installed.

import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const underCI = Boolean(process.env.CI) && process.env.CI !== 'false';

const linux = process.platform === 'linux';
const windows = process.platform === 'win32';
const denoVersion = '2.9.6';
const denoFolder = join(root, 'node_modules', '.cache', 'deno');

/** Runs a command in the repository's root, its output shown. Returns whether it succeeded. */
function run(command, args, environment = {}) {
  console.log(`$ ${command} ${args.join(' ')}`);
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    // npm and npx are .cmd files on Windows, which only a shell starts.
    shell: windows,
    env: { ...process.env, ...environment },
  });
  return status === 0;
}

/** Ends the process where Node is older than `engines` in package.json says. */
export function requireNode() {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const needed = manifest.engines.node.replace('>=', '');
  const [neededMajor, neededMinor] = needed.split('.').map(Number);
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > neededMajor || (major === neededMajor && minor >= neededMinor)) return;
  console.error(`latent-preview needs Node ${needed} or newer; this is ${process.versions.node}.`);
  console.error('Install a current one from https://nodejs.org/ or with your version manager, then run this again.');
  process.exit(1);
}

const lockedPackages = (path) => Object.entries(JSON.parse(readFileSync(path, 'utf8')).packages ?? {});

/** Whether node_modules holds what package-lock.json asks for. By content: a checkout does not keep file times. */
function dependenciesAreCurrent() {
  const record = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const installed = new Map(lockedPackages(record).map(([path, { version }]) => [path, version]));
  return lockedPackages(join(root, 'package-lock.json')).every(
    // Optional packages are mostly other platforms' binaries.
    ([path, { version, optional }]) => path === '' || optional || installed.get(path) === version,
  );
}

/** `npm ci` where node_modules is missing or does not match the lock; ends the process where that fails. */
export function installDependencies() {
  if (dependenciesAreCurrent()) return;
  // npm would empty the folder that the link leads to, which is another checkout's.
  if (lstatSync(join(root, 'node_modules'), { throwIfNoEntry: false })?.isSymbolicLink()) {
    console.error('node_modules is a link to a folder that package-lock.json does not fit; remove the link.');
    process.exit(1);
  }
  if (run('npm', ['ci', '--no-audit', '--no-fund'])) return;
  console.error('npm ci failed. The dependencies come from the npm registry once; later runs need no network.');
  process.exit(1);
}

/**
 * The packages of a folder of its own, whose versions are all exact; false where they could not be installed. Without a lock:
 * Next names compilers for systems whose packages not every registry has.
 */
export function ensureFolder(name) {
  const folder = join(root, name);
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const current = ([dependency, version]) => {
    const manifest = join(folder, 'node_modules', dependency, 'package.json');
    return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === version;
  };
  if (Object.entries({ ...dependencies, ...devDependencies }).every(current)) return true;
  // What was built before in this process may have set NODE_ENV to production, which leaves out what is for development.
  // No package here needs its install scripts.
  const options = ['--no-package-lock', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund'];
  return run('npm', ['install', '--prefix', folder, ...options]);
}

const isRoot = process.getuid?.() === 0;
const canUseApt = linux && isRoot && existsSync('/usr/bin/apt-get');
let aptIsUpdated = false;

/** Installs Debian packages; false where that is impossible or failed. */
function aptInstall(...packages) {
  if (!canUseApt) return false;
  const environment = { DEBIAN_FRONTEND: 'noninteractive' };
  if (!aptIsUpdated) aptIsUpdated = run('apt-get', ['update', '-qq'], environment);
  return run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], environment);
}

// Starting it shows more than its path: a downloaded browser may lack system libraries, Ubuntu's apt one is a stub.
const starts = (path) =>
  windows || spawnSync(path, ['--version'], { stdio: 'ignore', timeout: 20_000, env: process.env }).status === 0;

const systemChromiums = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];

function playwrightChromium() {
  try {
    return createRequire(join(root, 'package.json'))('@playwright/test').chromium.executablePath();
  } catch {
    return undefined;
  }
}

/** Path of a Chromium that starts: `LP_CHROMIUM`, Playwright's own, the system's. */
export function findChromium() {
  const chosen = process.env.LP_CHROMIUM;
  if (chosen) {
    if (existsSync(chosen)) return chosen;
    throw new Error(`LP_CHROMIUM names ${chosen}, which does not exist`);
  }
  return [playwrightChromium(), ...systemChromiums].find((path) => path && existsSync(path) && starts(path));
}

/** `findChromium`, installing one where there is none. Undefined where that is impossible. */
export function ensureChromium() {
  const found = findChromium();
  if (found) return found;
  // --no-shell: the headless shell is another, smaller browser; the tests use the one that people use.
  run('npx', ['playwright', 'install', '--no-shell', 'chromium']);
  return findChromium() ?? (aptInstall('chromium', 'fonts-dejavu-core') ? findChromium() : undefined);
}

const systemFirefoxes = [
  '/usr/bin/firefox-esr',
  '/usr/bin/firefox',
  '/Applications/Firefox.app/Contents/MacOS/firefox',
  'C:\\Program Files\\Mozilla Firefox\\firefox.exe',
];

/** Path of a Firefox (`LP_FIREFOX`, the system's), installing one where that is possible; else undefined. */
export function ensureFirefox() {
  const find = () => [process.env.LP_FIREFOX, ...systemFirefoxes].find((path) => path && existsSync(path));
  return find() ?? (aptInstall('firefox-esr', 'fonts-dejavu-core') ? find() : undefined);
}

const hasVulkanLoader = () =>
  /libvulkan\.so\.1\b/.test(spawnSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' }).stdout ?? '');

/** The Vulkan driver of SwiftShader, which every Chromium for Linux carries; undefined where none is found. */
function swiftShaderDriver(chromium) {
  const folders = [chromium && dirname(realpathSync(chromium)), '/usr/lib/chromium', '/opt/google/chrome'];
  return folders
    .filter(Boolean)
    .map((folder) => join(folder, 'vk_swiftshader_icd.json'))
    .find((path) => existsSync(path));
}

/** Whether Dawn finds a GPU that is no software. Asked in a process of its own: drivers are chosen once per process. */
function hasHardwareAdapter() {
  const probe = `
    const { create } = await import('webgpu');
    const adapter = await (globalThis.kept = create([])).requestAdapter();
    process.exit(adapter && !adapter.info.isFallbackAdapter ? 0 : 1);`;
  const options = { cwd: root, stdio: 'ignore', timeout: 60_000 };
  return spawnSync(process.execPath, ['--input-type=module', '-e', probe], options).status === 0;
}

/**
 * The environment in which Dawn (WebGPU in Node) finds an adapter: empty where there is a real GPU, unless `LP_SOFTWARE`
 * or CI asks for SwiftShader. To be set before the processes that use it start.
 */
export function dawnEnvironment(chromium) {
  // Metal and Direct3D need no drivers from us.
  if (!linux || process.env.VK_ICD_FILENAMES || process.env.VK_DRIVER_FILES) return {};
  const software = process.env.LP_SOFTWARE === '1' || underCI;
  if (!software && hasHardwareAdapter()) return {};
  const driver = swiftShaderDriver(chromium);
  if (!driver) return {};
  const environment = { VK_ICD_FILENAMES: driver, XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? tmpdir() };
  if (hasVulkanLoader()) return environment;
  // A downloaded Chromium brings a Vulkan loader too.
  return existsSync(join(dirname(driver), 'libvulkan.so.1'))
    ? { ...environment, LD_LIBRARY_PATH: [dirname(driver), process.env.LD_LIBRARY_PATH].filter(Boolean).join(':') }
    : environment;
}

/** Installs the Vulkan loader for Dawn where that is missing and possible. */
export function ensureVulkanLoader() {
  if (linux && !hasVulkanLoader()) aptInstall('libvulkan1');
}

function lavapipeDriver() {
  const folder = '/usr/share/vulkan/icd.d';
  const name = existsSync(folder) && readdirSync(folder).find((file) => /^lvp_icd\..*json$/.test(file));
  return name ? join(folder, name) : undefined;
}

/**
 * Deno (whose WebGPU compiles with Naga) and the environment that puts it on lavapipe, installing what is missing.
 * @returns {{ deno: string, environment: Record<string, string> } | { missing: string }}
 */
export function ensureNaga() {
  if (!linux) return { missing: 'lavapipe is used on Linux alone' };
  if (!lavapipeDriver()) {
    if (!canUseApt) return { missing: 'needs mesa-vulkan-drivers and libvulkan1, which apt-get installs only as root' };
    aptInstall('mesa-vulkan-drivers', 'libvulkan1');
  }
  const driver = lavapipeDriver();
  if (!driver) return { missing: 'mesa-vulkan-drivers could not be installed' };
  const deno = join(denoFolder, 'node_modules', '.bin', 'deno');
  const current = () =>
    spawnSync(deno, ['--version'], { encoding: 'utf8' }).stdout?.startsWith(`deno ${denoVersion} `) === true;
  // In a cache and not in package.json: 92 MB that nobody needs who only wants the demo.
  if (!current())
    run('npm', ['install', '--no-save', '--no-audit', '--no-fund', `--prefix=${denoFolder}`, `deno@${denoVersion}`]);
  if (!current()) return { missing: `deno@${denoVersion} could not be installed from the npm registry` };
  return { deno, environment: { VK_ICD_FILENAMES: driver, XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? tmpdir() } };
}

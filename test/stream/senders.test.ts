// The senders in examples/, for real: Python's bytes against ours, its HTTP server and Node's `ws` server read over real
// sockets. diffusers and ComfyUI are not run: their calls are made by hand, as their sources make them.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { sendSteps } from '../../examples/ws-server.mjs';
import { latentsFromArray } from '../../src/index';
import { decodeLatents, encodeLatents, type LatentStep, readLatentSteps } from '../../src/stream/index';

const examples = fileURLToPath(new URL('../../examples/', import.meta.url));
const environment = { ...process.env, PYTHONPATH: examples, PYTHONDONTWRITEBYTECODE: '1' };
const hasPython = spawnSync('python3', ['-c', 'import numpy']).status === 0;
if (!hasPython) console.log('skipped: the senders in Python, as there is no python3 with numpy here');

/** What a script prints. */
const python = (script: string, folder = examples): string =>
  execFileSync('python3', ['-c', script], { env: { ...environment, PYTHONPATH: folder }, encoding: 'utf8' });

/** (1, 4, 6, 5): numbers from −5 to 5, and some that are special; the same in both languages. */
const values = Float32Array.from({ length: 120 }, (_, k) => (((k * 37) % 101) - 50) / 10);
values.set([Number.NaN, Number.POSITIVE_INFINITY, -0, 65504, 1e-8, 0.0118], 3);
const latents = latentsFromArray(values, { shape: [1, 4, 6, 5], format: 'sdxl', domain: 'model', layout: 'NCHW' });
const samePython = `
import base64, numpy as np
from latent_wire import encode_latents
values = ((np.arange(120) * 37 % 101 - 50) / 10).astype(np.float32)
values[3:9] = [np.nan, np.inf, -0.0, 65504, 1e-8, 0.0118]
latents = values.reshape(1, 4, 6, 5)
def tell(packet): print(base64.b64encode(packet).decode())
`;
const packets = (script: string): Buffer[] =>
  python(samePython + script)
    .trim()
    .split('\n')
    .map((line) => Buffer.from(line, 'base64'));

describe.runIf(hasPython)('examples/latent_wire.py', () => {
  it('writes the bytes that encodeLatents writes', async () => {
    const about = { step: 7, steps: 30, timestep: 601.5, sigma: 0.25, content: 'x0' } as const;
    const all = packets(`
for dtype in ("float32", "float16", "uint8"):
    tell(encode_latents(latents, dtype, layout="NCHW", domain="model", content="x0", step=7, steps=30, timestep=601.5,
                        sigma=0.25, text={"run": "größe", "format": "sdxl"}))
`);
    for (const [k, dtype] of (['float32', 'float16', 'uint8'] as const).entries()) {
      const ours = await encodeLatents(latents, { dtype, ...about, metadata: { run: 'größe' } });
      expect(all[k]?.toString('hex'), dtype).toBe(Buffer.from(ours).toString('hex'));
    }
  });
  it('deflates what decodeLatents inflates, and says frames, items and size', async () => {
    const [deflated, tokens] = packets(`
tell(encode_latents(latents, deflate=True, frames=(1, 4, 21), items=(1, 2)))
tell(encode_latents(latents.reshape(1, 30, 4), layout="NLC", size=(6, 5)))
`);
    const step = await decodeLatents(deflated!);
    expect(step).toMatchObject({ frames: { first: 1, stride: 4, total: 21 }, items: { first: 1, total: 2 } });
    expect(step).toMatchObject({ content: undefined, timestep: undefined, steps: undefined, formatId: undefined });
    const plain = await decodeLatents(await encodeLatents(latents));
    expect(step.latents.tensor).toEqual(plain.latents.tensor);
    expect((await decodeLatents(tokens!)).latents).toMatchObject({ layout: 'NLC', size: { height: 6, width: 5 } });
  });
});

describe.runIf(hasPython)('examples/diffusers_steps.py', () => {
  let server: ChildProcess | undefined;
  afterAll(() => void server?.kill());

  it('sends the steps of its callback to who listens over HTTP', async () => {
    // As diffusers calls it: callback(pipe, i, t, {"latents": tensor}), and goes on with what it returns.
    server = spawn(
      'python3',
      [
        '-uc',
        `${samePython}
import sys
from diffusers_steps import send_steps, serve
from latent_server import viewers
class Tensor:
    ndim = 4
    def detach(self): return self
    def float(self): return self
    def cpu(self): return self
    def numpy(self): return latents
class Pipe: num_timesteps = 4
print(serve(port=0, page="http://page").server_address[1])
callback, tensors = send_steps("sdxl"), {"latents": Tensor()}
for line in sys.stdin:
    step = int(line)
    assert callback(Pipe(), step, 999 - step, tensors) is tensors
    print("sent to", len(viewers))
`,
      ],
      { env: environment, stdio: ['pipe', 'pipe', 'ignore'] },
    );
    const lines = createInterface({ input: server.stdout! })[Symbol.asyncIterator]();
    const say = async (): Promise<string> => String((await lines.next()).value);
    const port = Number(await say());
    const response = await fetch(`http://127.0.0.1:${port}/`);
    expect(response.headers.get('access-control-allow-origin')).toBe('http://page');
    const steps = readLatentSteps(response);
    const found: LatentStep[] = [];
    for (let step = 0; step < 2; step++) {
      server.stdin!.write(`${step}\n`);
      expect(await say()).toBe('sent to 1');
      found.push((await steps.next()).value as LatentStep);
    }
    expect(found.map(({ step, steps, timestep }) => [step, steps, timestep])).toEqual([
      [1, 4, 999],
      [2, 4, 998],
    ]);
    const sent = await decodeLatents(await encodeLatents(latents));
    expect(found[1]?.latents.tensor).toEqual(sent.latents.tensor);
    expect(found[1]).toMatchObject({
      content: 'sample',
      formatId: 'sdxl',
      latents: { domain: 'model', layout: 'NCHW' },
    });
    await steps.return?.();
  });
});

describe.runIf(hasPython)('examples/comfyui', () => {
  const folder = mkdtempSync(join(tmpdir(), 'latent-preview-comfyui-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('sends what is a packet, once ComfyUI has put the event’s number before it', async () => {
    const node = join(folder, 'latent_preview');
    mkdirSync(node);
    copyFileSync(join(examples, 'comfyui', '__init__.py'), join(node, '__init__.py'));
    copyFileSync(join(examples, 'latent_wire.py'), join(node, 'latent_wire.py'));
    // What of ComfyUI the node touches, as its sources have it: not ComfyUI.
    mkdirSync(join(folder, 'comfy'));
    writeFileSync(
      join(folder, 'comfy', 'patcher_extension.py'),
      'class WrappersMP:\n    OUTER_SAMPLE = "outer_sample"\n',
    );
    writeFileSync(
      join(folder, 'server.py'),
      `import base64, struct
class PromptServer:
    client_id = "me"
    def send_sync(self, event, data, sid=None):
        assert isinstance(event, int) and isinstance(data, bytes) and sid == "me"
        print(base64.b64encode(struct.pack(">I", event) + data).decode())
PromptServer.instance = PromptServer()
`,
    );
    const out = python(
      `
import numpy as np
from latent_preview import NODE_CLASS_MAPPINGS
class Tensor:
    def __init__(self, array): self.array, self.ndim, self.shape = array, array.ndim, array.shape
    def __getitem__(self, key): return Tensor(self.array[key])
    def detach(self): return self
    def float(self): return self
    def cpu(self): return self
    def numpy(self): return self.array
class Model:
    def clone(self): return Model()
    def add_wrapper_with_key(self, kind, key, wrapper): self.kind, self.wrapper = kind, wrapper
node = NODE_CLASS_MAPPINGS["SendLatentSteps"]()
assert set(node.INPUT_TYPES()["required"]) == {"model", "format", "every_nth_frame"}
(model,) = node.patch(Model(), "wan21", 2)
assert model.kind == "outer_sample"
x0 = Tensor(np.arange(2 * 16 * 5 * 2 * 2, dtype=np.float32).reshape(2, 16, 5, 2, 2))
seen = []
def sample(noise, latent_image, sampler, sigmas, denoise_mask, callback, disable_pbar, seed, latent_shapes=None):
    callback(0, x0, x0, 20)
    assert latent_shapes == "shapes" and seed == 7
    return "samples"
args = ("noise", "image", "sampler", [1.0, 0.5, 0.0], None)
assert model.wrapper(sample, *args, lambda *step: seen.append(step), False, 7, latent_shapes="shapes") == "samples"
assert seen == [(0, x0, x0, 20)]
assert model.wrapper(sample, *args, None, False, 7, latent_shapes="shapes") == "samples"
`,
      folder,
    );
    const [message] = out.trim().split('\n');
    const step = await decodeLatents(Buffer.from(message!, 'base64'));
    expect(step).toMatchObject({ step: 1, steps: 20, sigma: 1, content: 'x0', formatId: 'wan21' });
    expect(step).toMatchObject({ frames: { first: 0, stride: 2, total: 5 }, items: { first: 0, total: 2 } });
    expect(step.latents.tensor.shape).toEqual([1, 16, 3, 2, 2]);
    const { latents: whole } = await decodeLatents(
      await encodeLatents(
        latentsFromArray(
          Float32Array.from({ length: 640 }, (_, k) => k),
          { shape: [2, 16, 5, 2, 2], layout: 'NCTHW' },
        ),
        { item: 0, frames: { stride: 2 } },
      ),
    );
    expect(step.latents.tensor).toEqual(whole.tensor);
  });
});

describe('examples/ws-server.mjs', () => {
  it('sends to all who are connected, and waits for nobody', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    const address = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const viewers = [new WebSocket(address), new WebSocket(address)];
    const read = viewers.map(async (viewer) => {
      const found: number[] = [];
      for await (const { step } of readLatentSteps(viewer)) found.push(step);
      return found;
    });
    await Promise.all(viewers.map((viewer) => once(viewer, 'open')));
    await sendSteps(
      server,
      (async function* () {
        for (let step = 1; step <= 3; step++) {
          yield { latents, step, steps: 3, dtype: 'uint8', deflate: true } as const;
          // Until the step has gone out.
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      })(),
    );
    for (const viewer of server.clients) viewer.close(1000);
    expect(await Promise.all(read)).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
    server.close();
  });
});

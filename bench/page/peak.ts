// What the adapter can do at best: multiplications with additions in registers, and copies in its memory.

// A product and a sum, which GPUs' compilers fuse; SwiftShader takes ten times as long for fma().
const accumulators = 12;
const unrolled = 16;
const loops = 128;
const invocations = 64 * 2048;

const names = Array.from({ length: accumulators }, (_, index) => `a${index}`);
const step = names.map((name) => `${name} = ${name} * x + y;`).join(' ');
const code = `
@group(0) @binding(0) var<storage, read_write> result: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  let x = 1.0 + f32(id.x) * 1e-9;
  let y = f32(id.x) * 1e-9;
  ${names.map((name, index) => `var ${name} = ${index}.0;`).join(' ')}
  for (var i = 0; i < ${loops}; i++) { ${step.repeat(unrolled)} }
  result[id.x] = ${names.join(' + ')};
}`;

const best = async (run: () => void, queue: GPUQueue): Promise<number> => {
  let least = Number.POSITIVE_INFINITY;
  for (let repetition = 0; repetition < 6; repetition++) {
    const start = performance.now();
    run();
    await queue.onSubmittedWorkDone();
    least = Math.min(least, performance.now() - start);
  }
  return least;
};

export async function adapterInfo() {
  const adapter = (await navigator.gpu?.requestAdapter()) ?? undefined;
  const { vendor = '', architecture = '', description = '', isFallbackAdapter = false } = adapter?.info ?? {};
  return adapter && { vendor, architecture, description, isFallbackAdapter };
}

/** Undefined without an adapter. */
export async function measurePeak(): Promise<{ gflops: number; gigabytesPerSecond: number } | undefined> {
  const device = await (await navigator.gpu?.requestAdapter())?.requestDevice();
  if (!device) return undefined;
  const { queue } = device;
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const [from, to] = [0, 1].map(() => device.createBuffer({ size: 64 * 2 ** 20, usage })) as [GPUBuffer, GPUBuffer];
  const pipeline = await device.createComputePipelineAsync({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code }) },
  });
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer: from } }],
  });
  const submit = (encode: (encoder: GPUCommandEncoder) => void): void => {
    const encoder = device.createCommandEncoder();
    encode(encoder);
    queue.submit([encoder.finish()]);
  };
  const compute = await best(
    () =>
      submit((encoder) => {
        const pass = encoder.beginComputePass();
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(invocations / 64);
        pass.end();
      }),
    queue,
  );
  const copy = await best(() => submit((encoder) => encoder.copyBufferToBuffer(from, 0, to, 0, from.size)), queue);
  const bytes = 2 * from.size;
  device.destroy();
  return {
    gflops: (2 * accumulators * unrolled * loops * invocations) / compute / 1e6,
    gigabytesPerSecond: bytes / copy / 1e6,
  };
}

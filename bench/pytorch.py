#!/usr/bin/env python3
"""The same decode in PyTorch, where it is installed: on a CUDA GPU, else on the processor.

pytorch.py <weights.safetensors> <sizes, comma-separated> <output.json>
"""
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
import torch  # noqa: E402
from tae import decoder, read_safetensors  # noqa: E402

weights, sizes, output = sys.argv[1:4]
cuda = torch.cuda.is_available()
device = torch.device("cuda" if cuda else "cpu")

# Half floats on a processor are emulated: no yardstick.
variants = [("float32", torch.float32, torch.contiguous_format), ("float32, channels last", torch.float32, torch.channels_last)]
if cuda:
    variants += [("float16", torch.float16, torch.contiguous_format), ("float16, channels last", torch.float16, torch.channels_last)]

rows = []
with torch.inference_mode():
    for name, dtype, layout in variants:
        net = decoder(4, False)
        net.load_state_dict(read_safetensors(weights))
        net = net.to(device, dtype, memory_format=layout).eval()
        for size in map(int, sizes.split(",")):
            latents = torch.randn(1, 4, size, size, device=device).to(dtype).contiguous(memory_format=layout)

            def run():
                start = time.perf_counter()
                net(latents)
                if cuda:
                    torch.cuda.synchronize()
                return (time.perf_counter() - start) * 1e3

            first = run()
            times = []
            while len(times) < 3 or (sum(times) < 3000 and len(times) < 100):
                times.append(run())
            rows.append({"name": f"PyTorch eager, {name}", "size": size, "first": first, "steady": times})
            print(rows[-1]["name"], size, min(times))

where = torch.cuda.get_device_name() if cuda else f"the processor, {torch.get_num_threads()} threads"
Path(output).write_text(json.dumps({"version": torch.__version__, "where": where, "rows": rows}))

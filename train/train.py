"""Trains one family's decoder and writes weights/mini-<family>.safetensors and its report.

Run: python3 train/train.py sdxl            (minutes; on a GPU where PyTorch finds one)
     python3 train/train.py sdxl --steps 500 --trial short     writes artifacts/train/trials/short.json alone
"""

import argparse
import json
import math
import time
from pathlib import Path

import data
import numpy
import torch
from net import Mini, cost, from_weights
from tae import FAMILIES, ROOT, write_safetensors
from torch.nn import functional

# Wider than this, 32 channels take more than 100 000 parameters.
LOW_WIDTH = {"flux2": 40}
STEPS = {"sd15": 3500, "flux2": 3600}
WARM_UP = 0.02
# Of biases; weights have one of their own.
RATE = 3e-3
# Squared errors below this count as none, so that pictures of flat squares, where next to nothing is wrong soon, do not lead.
FLOOR = 1e-4


def averaged(planes):
    """At the latents' size."""
    return functional.avg_pool2d(planes, 8)


def loss_of(output, target, weight):
    """The mean of each picture's decibels, at full size and at the latents', turned into a loss: so a plain sky counts as
    much as a crowd, as it does in what is measured."""
    full = ((output - target) ** 2).mean((1, 2, 3))
    thumbnail = ((averaged(output) - averaged(target)) ** 2).mean((1, 2, 3))
    return (torch.log(full + FLOOR) + weight * torch.log(thumbnail + FLOOR / 4)).mean()


class Sampler:
    """Batches at random: pictures, some with noise in their latents, and mixtures."""

    def __init__(self, family, options, random):
        self.random, self.options = random, options
        self.latents = data.encoded(family)
        self.pictures = data.kept("pictures", data.make_pictures)
        self.mixed, self.mixed_pictures = data.mixed(family)
        # In memory: reading at random from a mapped file waits for the disk.
        self.latents, self.pictures = numpy.array(self.latents), numpy.array(self.pictures)
        self.mixed, self.mixed_pictures = numpy.array(self.mixed), numpy.array(self.mixed_pictures)
        self.scale = float(self.latents.astype(numpy.float32).std())

    def batch(self):
        """(latents, pictures), on the device."""
        random, size = self.random, self.options.batch
        count = random.binomial(size, self.options.mixed)
        here, there = random.randint(len(self.latents), size=size - count), random.randint(len(self.mixed), size=count)
        latents = numpy.concatenate([self.latents[here], self.mixed[there]]).astype(numpy.float32)
        pictures = numpy.concatenate([self.pictures[here], self.mixed_pictures[there]])
        noisy = random.rand(size) < self.options.noisy
        # Mixtures' targets were made without noise, too.
        amount = noisy * random.uniform(0, self.options.noise, size) * self.scale
        latents += random.standard_normal(latents.shape).astype(numpy.float32) * amount[:, None, None, None].astype("f")
        latents = torch.from_numpy(latents).to(data.device).contiguous(memory_format=torch.channels_last)
        return latents, data.to_planes(torch.from_numpy(pictures).to(data.device))


class Muon(torch.optim.Optimizer):
    """Momentum, its matrix made orthogonal before each step (K. Jordan et al., "Muon", 2024), for the convs' weights: it
    needs about half of Adam's steps here."""

    def __init__(self, parameters, lr, momentum=0.9):
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state[parameter]
                held = state.setdefault("momentum", torch.zeros_like(parameter))
                held.lerp_(parameter.grad, 1 - group["momentum"])
                update = parameter.grad.lerp(held, group["momentum"]).reshape(len(parameter), -1)
                update = orthogonal(update) * max(1, update.shape[0] / update.shape[1]) ** 0.5
                parameter.add_(update.view_as(parameter), alpha=-group["lr"])


def orthogonal(matrix, steps=5):
    """About the nearest matrix whose singular values are all 1, by Newton's and Schulz's iteration."""
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    wide = wide / (wide.norm() + 1e-7)
    for _ in range(steps):
        square = wide @ wide.T
        wide = 3.4445 * wide + (-4.775 * square + 2.0315 * square @ square) @ wide
    return wide if wide.shape == matrix.shape else wide.T


def psnr(one, other):
    return -10 * math.log10(float(((one - other) ** 2).mean()))


def measure(net, photos, noise=0.0):
    """{name: [thumbnail dB, full dB]} of whole photos, in float32, of bytes as users get them."""
    net = net.to(data.device).eval()
    figures = {}
    for name, latents, pixels in photos:
        source = torch.from_numpy(numpy.array(latents))[None]
        if noise:
            source = source + noise * source.std() * torch.randn(source.shape, generator=torch.Generator().manual_seed(7))
        with torch.no_grad():
            output = (net(source.to(data.device)).clamp(0, 1) * 255).round() / 255
        target = data.to_planes(torch.from_numpy(numpy.array(pixels))[None]).to(data.device)
        figures[name] = [psnr(averaged(output), averaged(target)), psnr(output, target)]
    return figures


def mean(figures):
    return [round(float(numpy.mean(column)), 3) for column in zip(*figures.values())]


def new_net(channels, options):
    net = Mini(
        channels, options.low_width, options.low_blocks, options.high_width, options.high_blocks, options.rise
    )
    with torch.no_grad():
        for block in [*net.low, *net.high]:
            block.conv2.weight *= 0.3
        net.head.weight *= 0.3
        net.head.bias.fill_(0.5)
    return net


def train(family, options):
    """(net, curve)."""
    torch.manual_seed(options.seed)
    random = numpy.random.RandomState(options.seed)
    sampler = Sampler(family, options, random)
    chosen_by = data.photos(family, "choose")
    net = new_net(sampler.latents.shape[1], options)
    parameters, multiplications = cost(net)
    print(f"{family}: {parameters} parameters, {multiplications} multiplications per latent pixel", flush=True)
    assert parameters <= 100_000 and multiplications <= 346_000
    net = net.to(data.device, memory_format=torch.channels_last)
    matrices = [parameter for parameter in net.parameters() if parameter.ndim == 4]
    others = [parameter for parameter in net.parameters() if parameter.ndim != 4]
    optimisers = [torch.optim.Adam(others, options.rate, (0.9, 0.99)), Muon(matrices, options.matrix_rate)]
    rates = [options.rate, options.matrix_rate]
    curve, losses, start = [], [], time.time()
    for step in range(options.steps):
        share = step / options.steps
        factor = min(1, share / WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * share))
        for optimiser, rate in zip(optimisers, rates):
            optimiser.param_groups[0]["lr"] = rate * factor + 1e-6
        latents, target = sampler.batch()
        with torch.autocast(data.device.type, dtype=torch.bfloat16):
            output = net(latents)
        loss = loss_of(output.float(), target, options.thumbnail)
        net.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        for optimiser in optimisers:
            optimiser.step()
        losses.append(float(loss))
        if step % (options.steps // 12) == 0 or step + 1 == options.steps:
            thumbnail, full = mean(measure(net, chosen_by))
            loss_now = round(float(numpy.mean(losses[-200:])), 4)
            curve.append({"step": step, "loss": loss_now, "thumbnail": thumbnail, "full": full})
            print(f"{time.time() - start:6.0f} s {curve[-1]}", flush=True)
            net.train()
    print(f"{len(losses) * options.batch * 1024 / (time.time() - start):.0f} latent pixels a second", flush=True)
    return net, curve


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--trial", help="a name: no weights are written")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=8, help="pictures")
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--matrix-rate", type=float, default=0.015, help="of weights")
    parser.add_argument("--low-width", type=int)
    parser.add_argument("--low-blocks", type=int, default=1)
    parser.add_argument("--high-width", type=int, default=32)
    parser.add_argument("--high-blocks", type=int, default=2)
    parser.add_argument("--rise", type=int, default=1, help="size of the conv before the first enlarging")
    parser.add_argument("--thumbnail", type=float, default=0.5, help="weight of the error at the latents' size")
    parser.add_argument("--mixed", type=float, default=0.15, help="share of mixtures")
    parser.add_argument("--noisy", type=float, default=0.3, help="share with noise")
    parser.add_argument("--noise", type=float, default=0.4, help="its greatest deviation, in those of the latents")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.steps = options.steps or STEPS.get(options.family, 4000)
    options.low_width = options.low_width or LOW_WIDTH.get(options.family, 44)

    net, curve = train(options.family, options)
    net = from_weights({name: tensor.half().float().cpu() for name, tensor in net.state_dict().items()})
    parameters, multiplications = cost(net)
    report = {
        "format": options.family,
        "parameters": parameters,
        "multiplications": multiplications,
        "options": {key: value for key, value in vars(options).items() if key not in ("family", "trial", "threads")},
        "data": data.list_checksum(),
        "torch": torch.__version__,
        "choose": {"mean": mean(measure(net, data.photos(options.family, "choose")))},
        "curve": curve,
    }
    if options.trial:
        folder = data.FOLDER / "trials"
        path = folder / f"{options.trial}.json"
        report["choose"]["noise 0.3"] = mean(measure(net, data.photos(options.family, "choose"), 0.3))
    else:
        folder = ROOT / "weights"
        path = folder / f"mini-{options.family}.report.json"
        held_out = data.photos(options.family, "test")
        figures = measure(net, held_out)
        report["test"] = {
            "mean": mean(figures),
            **{f"noise {level}": mean(measure(net, held_out, level)) for level in (0.1, 0.3, 0.6)},
            "photos": {name: [round(value, 2) for value in pair] for name, pair in figures.items()},
        }
        metadata = {
            "architecture": "latent-preview mini 1",
            "format": options.family,
            "licence": "MIT",
            "seed": str(options.seed),
            "data": report["data"],
        }
        weights = {name: tensor.half() for name, tensor in net.state_dict().items()}
        write_safetensors(folder / f"mini-{options.family}.safetensors", weights, metadata)
    Path(folder).mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")
    print({key: report.get(key, {}) for key in ("choose", "test")}, flush=True)


if __name__ == "__main__":
    main()

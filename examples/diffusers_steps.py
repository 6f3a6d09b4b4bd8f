"""Sends a diffusers pipeline's steps over HTTP, to any number of viewers: readLatentSteps(await fetch(address)).

    serve(port=8000, page="http://127.0.0.1:5173")  # the page that may read them
    pipe(prompt, callback_on_step_end=send_steps("sdxl"))
    pipe(prompt, height=1024, width=1024, callback_on_step_end=send_steps("flux", size=(128, 128)))  # packed tokens
"""

from latent_server import broadcast, serve  # noqa: F401, serve is for those who import this file
from latent_wire import encode_latents

LAYOUTS = {3: "NLC", 4: "NCHW", 5: "NCTHW"}


def send_steps(format, layout=None, **options):
    """A `callback_on_step_end`. `size`: latent rows and columns, where the pipeline packs them into tokens."""

    def callback(pipe, step, timestep, tensors):
        latents, steps = tensors["latents"], getattr(pipe, "num_timesteps", 0)
        packet = encode_latents(
            latents, layout=layout or LAYOUTS[latents.ndim], domain="model", content="sample",
            step=step + 1, steps=steps, timestep=float(timestep), text={"format": format}, **options)
        broadcast(packet, last=step + 1 == steps)
        return tensors

    return callback

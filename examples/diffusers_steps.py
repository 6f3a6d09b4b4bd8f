"""Sends a diffusers pipeline's steps over HTTP, to any number of viewers: readLatentSteps(await fetch(address)).

    serve(port=8000, page="http://127.0.0.1:5173")  # the page that may read them
    pipe(prompt, callback_on_step_end=send_steps("sdxl"))
    pipe(prompt, height=1024, width=1024, callback_on_step_end=send_steps("flux", size=(128, 128)))  # packed tokens
"""

import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from latent_wire import encode_latents

viewers = set()


def send_steps(format, layout=None, **options):
    """A `callback_on_step_end`. `size`: latent rows and columns, where the pipeline packs them into tokens."""

    def callback(pipe, step, timestep, tensors):
        latents = tensors["latents"].detach().half().cpu().numpy()
        packet = encode_latents(
            latents, layout=layout or {3: "NLC", 4: "NCHW", 5: "NCTHW"}[latents.ndim], domain="model", content="sample",
            step=step + 1, steps=getattr(pipe, "num_timesteps", 0), timestep=float(timestep), text={"format": format},
            **options)
        for waiting in list(viewers):
            # one that lags behind is better off with the next; but the last is what all was for
            if waiting.empty() or step + 1 == getattr(pipe, "num_timesteps", 0):
                waiting.put(packet)
        return tensors

    return callback


def serve(port=8000, page="http://127.0.0.1:5173", host="127.0.0.1"):
    class Steps(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Access-Control-Allow-Origin", page)
            waiting = queue.Queue()
            viewers.add(waiting)
            try:
                self.end_headers()
                while True:
                    self.wfile.write(waiting.get())
            except OSError:  # the viewer has gone
                viewers.discard(waiting)

    server = ThreadingHTTPServer((host, port), Steps)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server

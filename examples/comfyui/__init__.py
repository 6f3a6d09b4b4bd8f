"""A ComfyUI node: put it between a model and its sampler, and each step's x0 goes out beside the JPEG previews.

Copy this folder to custom_nodes/latent_preview, and latent_wire.py into it. The event's number is the packet's first four
bytes, so that what arrives on ComfyUI's socket is a packet: readLatentSteps(new WebSocket('ws://…/ws?clientId=…')).
"""

from comfy.patcher_extension import WrappersMP
from server import PromptServer

from .latent_wire import encode_latents, first_item


class SendLatentSteps:
    CATEGORY, FUNCTION, RETURN_TYPES = "latent-preview", "patch", ("MODEL",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"model": ("MODEL",), "format": ("STRING", {"default": "sdxl"}),
                             "every_nth_frame": ("INT", {"default": 1, "min": 1})}}

    def patch(self, model, format, every_nth_frame):
        def outer_sample(sample, noise, latent_image, sampler, sigmas, denoise_mask, callback, *others, **named):
            def send(step, x0, x, steps):
                packet = encode_latents(
                    **first_item(x0, every_nth_frame), domain="model", content="x0", step=step + 1, steps=steps,
                    sigma=float(sigmas[step]), text={"format": format})
                server = PromptServer.instance
                server.send_sync(int.from_bytes(packet[:4], "big"), packet[4:], server.client_id)
                return callback(step, x0, x, steps) if callback else None

            return sample(noise, latent_image, sampler, sigmas, denoise_mask, send, *others, **named)

        model = model.clone()
        model.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, "latent-preview", outer_sample)
        return (model,)


NODE_CLASS_MAPPINGS = {"SendLatentSteps": SendLatentSteps}
NODE_DISPLAY_NAME_MAPPINGS = {"SendLatentSteps": "Send latent steps"}

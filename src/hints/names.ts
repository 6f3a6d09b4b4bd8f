// Which latent space a model's or a VAE's file name stands for. Names are those under which their makers and ComfyUI's
// repackaged repositories (huggingface.co/Comfy-Org) publish them, and what trainers write into metadata.

/** The first that matches decides: the particular before the general. */
const families: readonly (readonly [RegExp, readonly string[]])[] = [
  [/radiance|pixel.?space/, ['pixel']],
  [/flux\W?_?2|klein/, ['flux2']],
  [/ideogram/, ['ideogram4']],
  [/qwen[\W_]*(image[\W_]*)?2[\W_]*1/, ['qwen_image_2_1']],
  [/qwen[\W_]*image|krea[\W_]*2|cosmos[\W_]*predict[\W_]*2/, ['wan21']],
  [/wan[\W_]*2[\W_]*2.*(5b|vae)|taew2[\W_]*2/, ['wan22']],
  [/wan[\W_]*2|wan[\W_]*(vae|video)|^wan$|taew2/, ['wan21']],
  [/hunyuan[\W_]*video[\W_]*1[\W_]*5/, ['hunyuanvideo15']],
  [/hunyuan[\W_]*video|framepack/, ['hunyuanvideo']],
  [/hunyuan[\W_]*image.*refiner/, ['hunyuanimage21_refiner']],
  [/hunyuan[\W_]*image/, ['hunyuanimage21']],
  [/kandinsky[\W_]*5/, ['hunyuanvideo', 'flux']],
  [/kandinsky/, ['kandinsky21']],
  [/ltx[\W_]*2[\W_]*3/, ['ltx2_3']],
  [/ltx[\W_]*2/, ['ltx2']],
  [/ltx/, ['ltxv', 'ltx2']],
  [/minimax|mmh3/, ['minimax_h3']],
  [/mochi/, ['mochi']],
  [/cogview[\W_]*4/, ['cogview4']],
  [/cogview/, ['cogview3']],
  [/cogvideo.*1[\W_]*5/, ['cogvideox15']],
  [/cogvideo/, ['cogvideox']],
  [/cosmos/, ['cosmos1']],
  [/ming[\W_]*image/, ['ming_image']],
  [/seedvr/, ['seedvr2']],
  [/allegro/, ['allegro']],
  [/easyanimate/, ['easyanimate-magvit']],
  [/sana/, ['sana']],
  [/cascade|stage[\W_]*[bc]\b|w(ü|u)rstchen/, ['sc_prior', 'sc_b']],
  [/playground.*2[\W_]*5/, ['playground25']],
  [/x4[\W_]*upscal|upscal.*x4/, ['sd_x4']],
  [/sd[\W_]*3|diffusion[\W_]*3/, ['sd3']],
  [/flux|^ae(\.|$)|taef1|z[\W_]*image|chroma|lumina|hidream|longcat|ovis|omnigen2/, ['flux']],
  [/xl|pony|illustrious|noobai|kolors|pixart.*sigma|auraflow/, ['sdxl']],
  [/sd[\W_]*v?[12]|diffusion[\W_]*v?[12]|^v[12][\W_]|ft[\W_]*(mse|ema)|kl[\W_]*f8|taesd|dreamshaper/, ['sd15']],
];

/** Ids of the formats; undefined for a name that says nothing. Folders before the name are passed over. */
export function familiesOfName(name: string): readonly string[] | undefined {
  const base = name.slice(-200).toLowerCase().split(/[\\/]/).at(-1) ?? '';
  return families.find(([pattern]) => pattern.test(base))?.[1];
}

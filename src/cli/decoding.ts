// The options that say how latents become pictures, and the previewers made by them: shared by decode and compare.

import { readFile } from 'node:fs/promises';
import { type Decoder, decoderFromWeights, linear, mlp, polynomial } from '../decoders/index';

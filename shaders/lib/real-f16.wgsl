// `real` as half floats: half the memory and traffic of real-f32.wgsl, 11 bits of precision, nothing beyond ±65504.
// For devices with the feature `shader-f16`.

enable f16;

alias real = f16;

const realIsHalf = true;

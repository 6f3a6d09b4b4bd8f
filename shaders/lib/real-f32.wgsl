// `real`: what the layers of a conv decoder keep activations and weights in, and multiply in. Here float32, in
// real-f16.wgsl half floats; one of the two stands in front of everything else.

alias real = f32;

const realIsHalf = false;

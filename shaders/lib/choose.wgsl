// Which of four, by number: for loops over what a kernel keeps in variables of their own.

fn choose(a: vec4f, b: vec4f, c: vec4f, d: vec4f, which: u32) -> vec4f {
  return select(select(a, b, which == 1u), select(c, d, which == 3u), which >= 2u);
}

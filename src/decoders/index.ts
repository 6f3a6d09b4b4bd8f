// Every decoder there is.

export { linear } from './linear';
export { mlp } from './mlp';
export { polynomial } from './polynomial';

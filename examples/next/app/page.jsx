import { Steps } from './steps';

export default function Page() {
  return <Steps src="/latents.npy" />;
}

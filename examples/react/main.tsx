import { createRoot } from 'react-dom/client';
import { Steps } from './Steps';

createRoot(document.getElementById('root') as HTMLElement).render(<Steps src="/latents.npy" />);

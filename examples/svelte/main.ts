import { mount } from 'svelte';
import Steps from './Steps.svelte';

mount(Steps, { target: document.getElementById('app') as HTMLElement, props: { src: '/latents.npy' } });

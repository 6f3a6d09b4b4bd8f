import { createApp } from 'vue';
import Steps from './Steps.vue';

createApp(Steps, { src: '/latents.npy' }).mount('#app');

import { LocalEmbedder } from '#search';
import { embedderContract } from './embedder.contract.js';

embedderContract('local', async () => ({ embedder: new LocalEmbedder(), close: async () => undefined }));

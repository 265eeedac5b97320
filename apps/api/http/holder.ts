import type { KeyHolder } from '#access';

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose key the request came with; nothing where no keys are asked for. */
    holder?: KeyHolder;
    /** It asked for something that its key has no right to, whatever it was told. */
    denied?: boolean;
  }
}

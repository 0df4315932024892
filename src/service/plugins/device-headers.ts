// Every answer that concerns a device says which one it was, and whether a chip or a twin.
import type { FastifyReply } from 'fastify';

/** @param backend null while no handshake has said it */
export function nameDevice(reply: FastifyReply, device: string, backend: string | null): void {
  reply.headers({ 'thermoloop-device': device, 'thermoloop-backend': backend ?? 'unknown' });
}

/** For answers about several: the distinct names, in order of appearance. */
export function nameDevices(reply: FastifyReply, items: { device: string; backend: string | null }[]): void {
  if (items.length === 0) return;
  const distinct = (values: string[]): string => [...new Set(values)].join(', ');
  nameDevice(reply, distinct(items.map((i) => i.device)), distinct(items.map((i) => i.backend ?? 'unknown')));
}

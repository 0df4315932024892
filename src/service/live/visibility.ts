// Who hears what: the one place where scopes and ownership decide over events, for WebSocket, SSE and webhooks alike.
import type { Scope } from '../auth/matrix.ts';
import type { Identity } from '../context.ts';
import type { Topic } from './messages.ts';

const SCOPE_OF: Readonly<Record<Topic, Scope>> = {
  'job.*': 'job:read',
  'job.samples': 'job:read',
  'calibration.*': 'device:read',
  drift: 'device:read',
  'device.state': 'device:read',
  'link.stats': 'device:read',
  telemetry: 'device:read',
};
const OWNED: ReadonlySet<Topic> = new Set(['job.*', 'job.samples']);

/** The scope that a key lacks for a topic; null: it may subscribe. */
export function missingScope(identity: Identity, topic: Topic): Scope | null {
  const needed = SCOPE_OF[topic];
  return identity.scopes.has(needed) ? null : needed;
}

/** @param owner key of the job that the event is about; null where it is about none */
export function mayHear(identity: Identity, topic: Topic, owner: string | null): boolean {
  if (missingScope(identity, topic) !== null) return false;
  return !OWNED.has(topic) || owner === identity.keyId || identity.scopes.has('job:read:all');
}

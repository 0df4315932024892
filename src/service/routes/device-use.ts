// Which keys may use which device: a ci key uses twins, and a chip only where the key names it (service-api, section 6).
import type { Identity } from '../context.ts';
import { ProblemError } from '../problems/problem.ts';
import { deviceScope } from '../schemas/keys.ts';
import { findDevice } from './devices.ts';
import type { RouteContext } from './common.ts';

/** @throws {ProblemError} unknown-device, forbidden */
export function mayUseDevice(context: RouteContext, identity: Identity, id: string): void {
  const { backend } = findDevice(context, id);
  // Before the first handshake nobody knows: then it counts as a chip.
  if (identity.role !== 'ci' || backend === 'twin' || backend === 'replay') return;
  if (identity.scopes.has(deviceScope(id))) return;
  throw new ProblemError('forbidden', `A ci key may use ${id}, a chip, only when the key names it.`, {
    requiredScope: deviceScope(id),
    device: id,
    backend,
  });
}

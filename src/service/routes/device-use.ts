// Which keys may use which device: those inside the limits of the key; a ci key uses twins, and a chip only where the key
// names it (service-api, section 6).
import type { Identity } from '../context.ts';
import { ProblemError } from '../problems/problem.ts';
import { deviceScope } from '../schemas/keys.ts';
import { findDevice } from './devices.ts';
import type { RouteContext } from './common.ts';

/** @throws {ProblemError} unknown-device, forbidden */
export function mayUseDevice(context: RouteContext, identity: Identity, id: string): void {
  const { backend } = findDevice(context, id);
  const { devices, backends } = identity.limits;
  const named = devices?.includes(id) ?? false;
  if (devices !== null && !named)
    throw new ProblemError('forbidden', `The key is limited to other devices than ${id}.`, {
      remedy: 'Use one of the devices in the limits of the key, or ask an administrator to name this one.',
      device: id,
      backend,
    });
  // Before the first handshake nobody knows: then it counts as a chip.
  const kind = backend ?? 'chip';
  if (backends !== null && !backends.includes(kind))
    throw new ProblemError('forbidden', `The key is limited to ${backends.join(', ')}; ${id} is a ${kind}.`, {
      remedy: 'Use a device of a kind in the limits of the key, or ask an administrator to allow this kind.',
      device: id,
      backend,
    });
  if (identity.role !== 'ci' || kind !== 'chip' || named || identity.scopes.has(deviceScope(id))) return;
  throw new ProblemError('forbidden', `A ci key may use ${id}, a chip, only when the key names it.`, {
    requiredScope: deviceScope(id),
    device: id,
    backend,
  });
}

// The methods that plant faults while the twin runs: what can fail, what is planted, plant, clear, and be told of changes.
import { z } from 'zod';
import { FAULT_TABLE, FAULT_TYPES, FaultError, faultSchema } from '../faults/index.ts';
import type { FaultRegistry, FaultView } from '../faults/index.ts';
import { ControlError, controlMethod } from './methods.ts';
import type { ControlConnection, ControlMethods } from './methods.ts';

const nothing = z.strictObject({});
const view = faultSchema.safeExtend({
  id: z.string(),
  plantedAt_s: z.number().describe('Device time, as the next two.'),
  startsAt_s: z.number(),
  endsAt_s: z.number().nullable().describe('null: when it is cleared.'),
  inForce: z.boolean().describe('It does damage at this moment.'),
});
const listed = z.object({ deviceTime_s: z.number(), faults: z.array(view) });

interface FaultList {
  deviceTime_s: number;
  faults: FaultView[];
}

/** `faults.vocabulary`, `.list`, `.inject`, `.clear`, `.clearAll` and `.watch`. */
export function faultMethods(registry: FaultRegistry): ControlMethods {
  const list = (): FaultList => ({ deviceTime_s: registry.now_s, faults: registry.views() });
  return {
    'faults.vocabulary': controlMethod({
      params: nothing,
      handle: () => ({ types: FAULT_TYPES, components: FAULT_TABLE, ...registry.limits }),
    }),
    'faults.list': controlMethod({ params: nothing, result: listed, handle: list }),
    'faults.inject': controlMethod({
      // The registry says more about what is wrong with a fault than a schema can.
      params: z.looseObject({}),
      result: z.object({ fault: view.nullable().describe('null: ok took faults away') }),
      handle: (fault) => {
        const planted = refusing(() => registry.inject(fault));
        return { fault: registry.views().find(({ id }) => id === planted?.id) ?? null };
      },
    }),
    'faults.clear': controlMethod({
      params: z.strictObject({ id: z.string() }),
      result: z.object({ cleared: z.int() }),
      handle: ({ id }) => {
        refusing(() => registry.clear(id));
        return { cleared: 1 };
      },
    }),
    'faults.clearAll': controlMethod({
      params: nothing,
      result: z.object({ cleared: z.int() }),
      handle: () => ({ cleared: registry.clearAll() }),
    }),
    'faults.watch': controlMethod({
      params: nothing,
      result: listed,
      handle: (_params, connection) => {
        watch(registry, connection, list);
        return list();
      },
    }),
  };
}

const watched = new WeakSet<ControlConnection>();

/** Notifies `faults.changed` until the connection is gone; asking twice changes nothing. */
function watch(registry: FaultRegistry, connection: ControlConnection, list: () => FaultList): void {
  if (watched.has(connection)) return;
  watched.add(connection);
  connection.onClosed(registry.onChange(() => connection.notify('faults.changed', list())));
}

function refusing<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    throw new ControlError(error.code, error.message, { remedy: error.remedy, cause: error });
  }
}

// Which calibration sets right what has drifted, and when one that has succeeded does: only what counts on the chip from then on
// ends an event.
import { driftQuantities, type DriftQuantity } from '../../calibration/drift/index.ts';
import type { CalibrationRow, JsonObject, Store } from '../../store/index.ts';

/** Kinds that measure a quantity, the best first; a `full` one has them all as nodes. */
const MEASURED_BY: Readonly<Record<DriftQuantity, readonly string[]>> = {
  coupling: ['coupling-map'],
  gain: ['coupling-gain', 'coupling-map'],
  offset: ['readout-offset', 'potential'],
  noiseTemperature: ['noise-temperature'],
};

/** The kind to ask for when a quantity has drifted. @param kinds that can be asked for */
export function mendingKind(quantity: DriftQuantity, kinds: readonly string[]): string | undefined {
  return [...MEASURED_BY[quantity], 'full'].find((kind) => kinds.includes(kind));
}

/**
 * The quantities that a calibration which has succeeded sets right. None where the chip goes on with another result: a
 * pinned one of the same kind, or faults that were injected. Of a `full` one those that it has measured anew, as far as no
 * pinned single result keeps them from counting.
 */
export async function mendedQuantities(
  { activeCalibrations }: Pick<Store, 'activeCalibrations'>,
  { id, kind, deviceUid, values }: Pick<CalibrationRow, 'id' | 'kind' | 'deviceUid' | 'values'>,
): Promise<DriftQuantity[]> {
  if (deviceUid === null) return [];
  if ((await activeCalibrations.find(deviceUid, kind))?.calibration !== id) return [];
  if (kind !== 'full') return driftQuantities.filter((quantity) => MEASURED_BY[quantity].includes(kind));
  const measured = new Set<string>();
  for (const single of new Set(Object.values(MEASURED_BY).flat())) {
    if (stateOfNode(values, single) !== 'succeeded') continue;
    if ((await activeCalibrations.find(deviceUid, single))?.pinned !== true) measured.add(single);
  }
  return driftQuantities.filter((quantity) => MEASURED_BY[quantity].some((single) => measured.has(single)));
}

function stateOfNode(values: CalibrationRow['values'], kind: string): unknown {
  const nodes = values?.['nodes'] as JsonObject | undefined;
  return (nodes?.[kind] as JsonObject | undefined)?.['state'];
}

// How many calibrations a service may begin by itself: a chip that moves without end, or a chart that is wrong about it, would
// otherwise be calibrated for ever. Counted in the store, so that a restart does not begin anew.
import type { Store } from '../../store/index.ts';

const DAY_MS = 24 * 3600 * 1000;
const PAGE = 100;

/** Whether the device has had `limit` calibrations in the last 24 hours that no key asked for, of any kind, failed ones too. */
export async function isAtDailyLimit(
  { calibrations }: Pick<Store, 'calibrations'>,
  device: string,
  now_ms: number,
  limit: number,
): Promise<boolean> {
  let count = 0;
  let after: string | undefined;
  while (count < limit) {
    const page = await calibrations.list({ device, after, limit: PAGE });
    const recent = page.filter(({ createdAt_ms }) => createdAt_ms > now_ms - DAY_MS);
    count += recent.filter(({ keyId }) => keyId === null).length;
    if (page.length < PAGE || recent.length < page.length) break;
    after = page[page.length - 1].id;
  }
  return count >= limit;
}

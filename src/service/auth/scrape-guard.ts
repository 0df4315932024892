// Who may read /metrics where its listener can be reached from other machines: keys with metrics:read.
import type { ServiceContext } from '../context.ts';
import { ProblemError } from '../problems/problem.ts';
import { identityOf } from './identity.ts';

/** The status that refuses a scrape, or null. @param address of the other side */
export type ScrapeGuard = (authorization: string | undefined, address: string) => Promise<401 | 403 | null>;

export function scrapeGuard(context: Pick<ServiceContext, 'store' | 'clock'>): ScrapeGuard {
  return async (authorization, address) => {
    try {
      const { scopes } = await identityOf({ authorization, address }, context);
      return scopes.has('metrics:read') ? null : 403;
    } catch (error) {
      if (error instanceof ProblemError && error.code === 'unauthenticated') return 401;
      throw error;
    }
  };
}

// Every route of docs/openapi.json under requests that are right, nearly right and wrong, against the real service in a process
// of its own: no 5xx but documented ones, no word about the inside, no growth of memory. Definitions: docs/benches.md.
import { campaign } from '../api-fuzz/campaign.ts';
import { wholeNumberOf, type BenchContext } from '../bench.ts';
import { figure, type Figure } from '../figure.ts';

export const summary =
  'every route under broken requests (--requests N, --seed N): 5xx, traces and secrets in answers, memory, schemas';

const REQUESTS = 40_000;
/** Of an issue's target; a shorter run is for trying things out and says so. */
const REQUESTS_MIN = 20_000;
/** In the second half: some requests get through, most do not. */
const LIMITED_PER_MINUTE = 300;
/** Rise of the floor of the heap per half: 400 bytes a request would be 4 MB over the 10,000 between its quarters. */
const HEAP_GROWTH_MAX_MB = 4;
/** Connections of the database and the log may come and go. */
const FILES_GROWTH_MAX = 8;

export async function run({ say, options }: BenchContext): Promise<Figure[]> {
  const requests = wholeNumberOf(options, '--requests', 100) ?? REQUESTS;
  const seed = wholeNumberOf(options, '--seed', 1) ?? 1;
  const half = Math.ceil(requests / 2);
  const exempt = await campaign({ requests: half, seed, requestsPerMinute: 0, say });
  const limited = await campaign({
    requests: half,
    seed: seed + 1_000,
    requestsPerMinute: LIMITED_PER_MINUTE,
    say,
  });
  const both = [exempt, limited];
  const sum = (of: (half: (typeof both)[number]) => number): number =>
    both.reduce((total, one) => total + of(one), 0);
  const grown = both.filter((one) => one.heapGrowth_MB > HEAP_GROWTH_MAX_MB).length;
  const opened = both.filter((one) => one.filesGrowth > FILES_GROWTH_MAX).length;
  const sent = sum((one) => one.sent);
  const reached = new Set(both.flatMap((one) => [...one.reached]));
  const answered = (status: number): number => sum((one) => one.statuses.get(status) ?? 0);
  const missed = exempt.operationNames.filter((name) => !reached.has(name));
  if (missed.length > 0) say(`never answered with 2xx: ${missed.join(', ')}`);
  return [
    figure('requests', sent, '', {
      target: { min: requests < REQUESTS_MIN ? requests : REQUESTS_MIN },
      ...(requests < REQUESTS_MIN && { note: `a short run; the target is ${REQUESTS_MIN}` }),
    }),
    figure(
      'unexpected_5xx',
      sum((one) => one.found['5xx']),
      '',
      { n: sent, target: { max: 0 } },
    ),
    figure('leaks', sum((one) => one.found.leak + one.logLeaks) + grown + opened, '', {
      n: sent,
      target: { max: 0 },
      note: 'answers and log lines that tell of the inside or hold a secret, and halves in which heap or open files grew',
    }),
    figure(
      'undocumented',
      sum((one) => one.found.contract),
      '',
      { n: sent, target: { max: 0 } },
    ),
    figure(
      'unanswered',
      sum((one) => one.found.dead),
      '',
      { n: sent, target: { max: 0 } },
    ),
    figure('operations', exempt.operationNames.length, ''),
    figure('operations_reached', reached.size, '', {
      target: { min: Math.ceil(0.6 * exempt.operationNames.length) },
    }),
    figure('rate_limited', answered(429), '', { target: { min: 1 } }),
    figure('succeeded', answered(200) + answered(201) + answered(202) + answered(204), ''),
    ...both.flatMap((one, k) => {
      const name = k === 0 ? 'exempt' : 'limited';
      return [
        figure(`${name}.heap_start`, one.heapStart_MB, 'MB'),
        figure(`${name}.heap_growth`, one.heapGrowth_MB, 'MB', { n: one.sent }),
        figure(`${name}.files_growth`, one.filesGrowth, ''),
      ];
    }),
    figure('requests_per_s', sent / sum((one) => one.elapsed_s), '/s'),
  ];
}

// From the issues of zod to the places of a problem: a JSON Pointer for bodies, a parameter name for the rest, and what
// would have been allowed.
import type { ProblemPlace } from '../problems/problem.ts';

interface Issue {
  code: string;
  path: (string | number)[];
  message: string;
  [detail: string]: unknown;
}

/** Fastify's validation results as fastify-type-provider-zod makes them. */
interface ValidationResult {
  keyword: string;
  instancePath: string;
  message?: string;
  params: Record<string, unknown>;
}

/** At most this many places: the first ones are what a person fixes first. */
const PLACES_MAX = 20;

export function placesOf(validation: readonly ValidationResult[], context: string): ProblemPlace[] {
  return validation
    .flatMap((result) => {
      const path = result.instancePath.split('/').slice(1);
      const at = path.length === 1 && path[0] === '' ? [] : path;
      return flatten({ ...result.params, code: result.keyword, message: result.message ?? '', path: at });
    })
    .slice(0, PLACES_MAX)
    .map((issue) => placeOf(issue, context));
}

/** The same of what zod says of a body itself. */
export function placesOfIssues(issues: readonly { path: PropertyKey[]; message: string }[]): ProblemPlace[] {
  return issues
    .flatMap((issue) => flatten(issue as unknown as Issue))
    .slice(0, PLACES_MAX)
    .map((issue) => placeOf(issue, 'body'));
}

/** Resolves unions to the branch that fits best, and unknown names to one issue each. */
function flatten(issue: Issue): Issue[] {
  if (issue.code === 'unrecognized_keys')
    return (issue['keys'] as string[]).map((key) => ({
      ...issue,
      path: [...issue.path, key],
      message: 'unknown name',
    }));
  if (issue.code !== 'invalid_union') return [issue];
  const branches = (issue['errors'] as Issue[][]).filter((branch) => branch.length > 0);
  // A branch that fails deeper inside, or on fewer things, is the one the client meant.
  const depth = (branch: Issue[]): number => Math.max(...branch.map((i) => i.path.length));
  const [best] = branches.sort((a, b) => depth(b) - depth(a) || a.length - b.length);
  if (best === undefined) return [issue];
  return best.flatMap((inner) => flatten({ ...inner, path: [...issue.path, ...inner.path] }));
}

function placeOf(issue: Issue, context: string): ProblemPlace {
  const allowed = allowedOf(issue);
  const rest = { detail: issue.message, ...(allowed !== undefined && { allowed }) };
  if (context !== 'body') return { parameter: issue.path.join('.'), ...rest };
  const pointer = issue.path.map((p) => `/${String(p).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  return { pointer, ...rest };
}

function allowedOf(issue: Issue): unknown {
  const { minimum, maximum, values, expected, pattern } = issue;
  if (issue.code === 'too_small') return { min: minimum };
  if (issue.code === 'too_big') return { max: maximum };
  if (issue.code === 'invalid_value') return values;
  if (issue.code === 'invalid_type') return expected;
  return pattern;
}

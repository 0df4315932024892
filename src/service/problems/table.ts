// The one table of everything the service can refuse or fail at: code -> HTTP status, title, retry, when, remedy.
// docs/problems.md and the pages under /problems/{code} are made from it; codes never change, texts may.
import { machineryProblems } from './table/machinery.ts';
import { requestProblems } from './table/requests.ts';
import { resourceProblems } from './table/resources.ts';

export type { ProblemEntry } from './table/entry.ts';

export const problemTable = { ...requestProblems, ...resourceProblems, ...machineryProblems } as const;

export type ProblemCode = keyof typeof problemTable;
export const problemCodes = Object.keys(problemTable) as ProblemCode[];

export function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(problemTable, code);
}

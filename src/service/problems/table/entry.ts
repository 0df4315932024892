// What the table of problems says of one code.

export interface ProblemEntry {
  status: number;
  title: string;
  /** True when the same request may succeed later without a change. */
  retryable: boolean;
  /** When a client sees it. */
  when: string;
  /** What to do next. */
  remedy: string;
}

/** One row of the table. */
export const entry = (
  status: number,
  title: string,
  retry: 'retry' | 'final',
  when: string,
  remedy: string,
): ProblemEntry => ({ status, title, retryable: retry === 'retry', when, remedy });

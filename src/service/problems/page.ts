// The human side of the problem table: the pages under /problems and the document docs/problems.md.
import { problemCodes, problemTable, type ProblemCode } from './table.ts';

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const page = (title: string, body: string): string =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(title)}</title>` +
  `<meta name="viewport" content="width=device-width"><body>${body}</body></html>\n`;

export function problemPage(code: ProblemCode): string {
  const { title, status, when, remedy, retryable } = problemTable[code];
  return page(
    `${code}: ${title}`,
    `<h1>${escape(title)}</h1><p><code>${code}</code>, HTTP ${status}</p>` +
      `<h2>When</h2><p>${escape(when)}</p><h2>What to do</h2><p>${escape(remedy)}</p>` +
      `<h2>Try again?</h2><p>${retryable ? 'Yes: the same request may succeed later.' : 'No: the same request will fail again.'}</p>` +
      `<p><a href="/problems">All problems</a></p>`,
  );
}

export function problemIndexPage(): string {
  const items = problemCodes.map(
    (code) =>
      `<li><a href="/problems/${code}"><code>${code}</code></a> (${problemTable[code].status}) ${escape(problemTable[code].title)}</li>`,
  );
  return page('Problems', `<h1>Problems</h1><ul>${items.join('')}</ul>`);
}

/** docs/problems.md. */
export function problemsMarkdown(): string {
  const rows = problemCodes.map((code) => {
    const { status, retryable, when, remedy } = problemTable[code];
    return `| \`${code}\` | ${status} | ${retryable ? 'yes' : 'no'} | ${when} | ${remedy} |`;
  });
  return [
    '# Problems',
    '',
    'Every error of the service is a problem document (RFC 9457, `application/problem+json`) with `type`, `title`, `status`,',
    '`detail`, `instance`, and `code`, `retryable`, `remedy`, `docs`, `correlationId`; where they apply also `errors[]`',
    '(`pointer`, `detail`, `allowed`), `retryAfter_s`, `outcome` (`applied`, `not_applied`, `unknown`: whether a command reached',
    'the device), `device`, `backend`, `job`, `requiredScope`, `accepted`, `offered`, `allowedMethods`, `limit_bytes`.',
    'Codes never change their meaning; texts may change. This page is generated from `src/service/problems/table.ts`.',
    '',
    '| Code | HTTP | Retry | When | What to do |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

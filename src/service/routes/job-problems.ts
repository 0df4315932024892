// The problems of jobs inside an answer that is none itself: of a batch, and of a dry run.
import type { FastifyRequest } from 'fastify';
import { toProblem } from '../plugins/errors.ts';
import { placesOfIssues } from '../plugins/validation-places.ts';
import { problemDocument, ProblemError } from '../problems/problem.ts';

/** What the schema says against a job. */
export function malformed(issues: Parameters<typeof placesOfIssues>[0]): ProblemError {
  const errors = placesOfIssues(issues);
  const [{ pointer = '', detail }] = errors;
  return new ProblemError('validation-failed', `${pointer === '' ? 'the job' : pointer}: ${detail}`, {
    errors,
  });
}

/** @throws what is not about the job, but about the service */
export function problemOfJob(error: Error, request: FastifyRequest): ProblemError {
  const problem = toProblem(error, request);
  if (problem.code === 'internal-error') throw error;
  return problem;
}

/** The document, as the job alone would have got it. */
export function documentOf(problem: ProblemError, request: FastifyRequest): object {
  return { ...problemDocument(problem, { instance: request.url.split('?')[0], correlationId: request.id }) };
}

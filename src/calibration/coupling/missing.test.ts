// How the two directions of a suspect are judged, and how suspects are spread over programs.
import { expect, it } from 'vitest';
import { answerOf, roundsOf } from './missing.ts';

const at = (ratio: number, stderr = 0.03) => ({ ratio, stderr });

it('calls missing what is gone in both directions, and lets go of what is there in both', () => {
  expect(answerOf(at(0.02), at(-0.03))).toBe('missing');
  expect(answerOf(at(0.9), at(1.05))).toBe('there');
  expect(answerOf(at(0.34), at(0.33))).toBe('there');
  expect(answerOf(at(-0.5), at(-0.45))).toBe('there');
});

it('asks again where the directions do not agree, or stand at the limit', () => {
  // Measured on a worn chip of 784 units: missing, and yet its mean is clearly above the limit.
  expect(answerOf(at(0.498, 0.0297), at(-0.015, 0.0331))).toBe('open');
  expect(answerOf(at(-0.046, 0.0314), at(0.348, 0.0383))).toBe('open');
  expect(answerOf(at(0.15), at(0.14))).toBe('open');
  expect(answerOf(at(0.2), at(0.21))).toBe('open');
});

it('asks no unit about more than eight at a time, and leaves over what fits no round', () => {
  const suspects = Array.from({ length: 100 }, (_, k): [number, number] => [0, k + 1]);
  const { rounds, left } = roundsOf(suspects);
  expect(rounds.map((round) => round.length)).toEqual(Array.from({ length: 12 }, () => 8));
  expect(left).toHaveLength(4);
});

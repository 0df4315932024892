// A model of spins on continuous units. Each unit gets two wells with their floors at x = -1 and 1,
// V1 = D (x^2 - 1)^2 - D (J2 = -2 D, J4 = D), and h_i s_i and J_ij s_i s_j become b_i x_i and J_ij x_i x_j with the same
// sign. At the corners x = s the potential is then c E(s) plus a constant, with c = beta kT.
//
// What is kept: the energy of every assignment up to that constant, so their order, the ground states and the sign of
// every interaction. What is not: the distribution of the signs is Boltzmann's only to first order in c h/D, because a
// field also moves and narrows the wells (by about f^2/(16 D) per unit, f = c (h_i + sum J_ij s_j)); a chip leaves a well
// at a rate that falls with exp(-D/kT), so that short runs depend on where they began. The offset moves nothing.
import { readBqm, type Bqm } from './bqm-file.ts';
import { PhysicsError } from './errors.ts';
import type { ModelFile } from './model-file.ts';
import { emptyModel, validateModel } from './model.ts';

/** Depth of the wells where the interactions are weak: hops are common and x still has a sign nearly always. */
const BARRIER_kT = 4;
const OPTIONS = ['beta', 'barrier_E0', 'noiseTemperature_E0'] as const;

/**
 * Reads a binary quadratic model (either form of bqm-file.ts) with optional members `beta` (default 1, times kT makes
 * energies E0), `noiseTemperature_E0` (default 0.1) and `barrier_E0`, D. By default D is the larger of 4 kT and the
 * strongest pull a unit can feel, c (|h_i| + sum |J_ij|): a well outlives a pull up to 1.54 D, so both wells are always
 * there. A BINARY model becomes one of spins exactly, v = (1 + s)/2: read x > 0 as 1.
 * @throws {PhysicsError} bad-bqm, not-finite, nonzero-diagonal, wrong-shape, and all of validateModel's
 */
export function decodeModelBqm(body: Record<string, unknown>, unitsMax: number): ModelFile {
  const { beta, barrier_E0, noiseTemperature_E0, ...rest } = body;
  const options = { beta, barrier_E0, noiseTemperature_E0 };
  for (const name of OPTIONS) checkPositive(name, options[name]);
  const bqm = readBqm(rest, unitsMax);
  const units = bqm.variables.length;
  const model = emptyModel(units);
  const kT = (noiseTemperature_E0 as number | undefined) ?? model.noiseTemperature_E0;
  const scale = ((beta as number | undefined) ?? 1) * kT;
  const { fields, pairs, offset } = asSpins(bqm);
  const pull = fields.map(Math.abs);
  for (const { i, j, value } of pairs) {
    model.couplings[i * units + j] = model.couplings[j * units + i] = scale * value;
    pull[i] += Math.abs(value);
    pull[j] += Math.abs(value);
  }
  const strongest = pull.reduce((largest, value) => Math.max(largest, value), 0);
  const barrier = (barrier_E0 as number | undefined) ?? Math.max(BARRIER_kT * kT, scale * strongest);
  model.biases = fields.map((field) => scale * field);
  model.j2.fill(-2 * barrier);
  model.j4.fill(barrier);
  model.noiseTemperature_E0 = kT;
  validateModel(model);
  return {
    model,
    metadata: {
      bqm: {
        vartype: bqm.vartype,
        variables: bqm.variables,
        // Of the form in spins: at the corners E = (V + N D)/c + offset.
        offset,
        energyScale_E0: scale,
        barrier_E0: barrier,
      },
    },
  };
}

// v = (1 + s)/2: a v = a/2 + a s/2 and q v w = q (1 + s + t + s t)/4.
function asSpins({ vartype, linear, pairs, offset }: Bqm): {
  fields: Float64Array;
  pairs: Bqm['pairs'];
  offset: number;
} {
  if (vartype === 'SPIN') return { fields: linear, pairs, offset };
  const fields = linear.map((value) => value / 2);
  let constant = fields.reduce((sum, value) => sum + value, offset);
  for (const { i, j, value } of pairs) {
    fields[i] += value / 4;
    fields[j] += value / 4;
    constant += value / 4;
  }
  return { fields, pairs: pairs.map(({ i, j, value }) => ({ i, j, value: value / 4 })), offset: constant };
}

function checkPositive(name: string, value: unknown): void {
  if (value === undefined || (typeof value === 'number' && Number.isFinite(value) && value > 0)) return;
  throw new PhysicsError('bad-bqm', `${name} is ${String(JSON.stringify(value)).slice(0, 60)}`, {
    pointer: `/${name}`,
    allowed: 'a finite number above 0',
  });
}

// Which couplings and biases exist: the mask of the solve. Any wiring of a chip can be written this way.
import { pairCount } from '../physics/index.ts';

export interface Wiring {
  units: number;
  /** The picture is in the first `visible` units. */
  visible: number;
  /** 1 where a coupling exists, pairs i < j row by row. */
  bonds: Uint8Array;
  /** 1 where a unit has a bias. */
  biases: Uint8Array;
}

/** All pairs, all biases. */
export function denseWiring(units: number): Wiring {
  return {
    units,
    visible: units,
    bonds: new Uint8Array(pairCount(units)).fill(1),
    biases: new Uint8Array(units).fill(1),
  };
}

/** The paper's: visible-hidden and hidden-hidden bonds, biases on hidden units only. */
export function hiddenLayerWiring(visible: number, hidden: number): Wiring {
  const units = visible + hidden;
  const bonds = new Uint8Array(pairCount(units));
  for (let i = 0, k = 0; i < units; i++)
    for (let j = i + 1; j < units; j++, k++) bonds[k] = j >= visible ? 1 : 0;
  return {
    units,
    visible,
    bonds,
    biases: Uint8Array.from({ length: units }, (_, i) => (i >= visible ? 1 : 0)),
  };
}

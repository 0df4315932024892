// Memory map of the kernel, read by AssemblyScript and by TypeScript alike: untyped integer constants, nothing else.
// Page 0 is AssemblyScript's own; nothing of ours lies below TABLE, so its static data can never meet ours.

/** Gaussian table: 65536 int16. */
export const TABLE = 65536;
/** Couplings of the active program: int16 [row tile of 4][column pair][row in tile][column in pair]. */
export const COUPLINGS = 196608;

/** Replicas per group (two vectors of four lanes). */
export const GROUP = 8;
/** Q27 state at the rails, |x| = 2. */
export const RAIL = 268435456;
/** Low bits of a partial row sum that are summed apart from the rest. */
export const LOW_BITS = 12;
/** Largest number of live replicas of a group for which the matrix-vector product is the faster one (measured). */
export const VECTOR_REPLICAS_MAX = 3;

// Words of a worker's parameter block, byte offsets.
export const P_UNITS_PADDED = 0;
export const P_COUNT = 4;
export const P_FIRST_SAMPLE = 8;
export const P_STEP = 12;
export const P_PHASE_STEP = 16;
export const P_PHASE_STEPS = 20;
export const P_COUPLED = 24;
export const P_KEY_LOW = 28;
export const P_KEY_HIGH = 32;
/** Column pairs whose products sum exactly in i32. */
export const P_EXACT_PAIRS = 36;
/** Right shift and left shift that bring a row sum to the multiplier's input; one of them is 0. */
export const P_COUPLING_DROP = 40;
export const P_COUPLING_GROW = 44;
export const P_FIELD_FROM = 48;
export const P_FIELD_TO = 52;
/** 1 when any unit has coloured noise. */
export const P_COLOURED = 56;
/** Largest group that takes the matrix-vector product; 0 = never, 8 = always. The bits do not depend on it. */
export const P_VECTOR_REPLICAS = 60;
// Addresses of arrays, one i32 (the constant: i64) per unit.
export const P_J2 = 64;
export const P_J4 = 68;
export const P_COUPLING = 72;
export const P_NOISE = 76;
export const P_CONSTANT = 80;
export const P_FIELD = 84;
export const P_FIELD_MULTIPLIER = 88;
/** Weights of the old and the new value of coloured noise, Q30. */
export const P_MEMORY = 92;
export const P_FRESH = 96;
/** First and end column pair of each tile of 4 rows, u32 each. */
export const P_RANGES = 100;
// Addresses of arrays with one element per unit and replica.
export const P_STATE = 104;
export const P_CODES = 108;
export const P_CODES_NEXT = 112;
export const P_COLOUR = 116;
export const P_BYTES = 128;

// Scratch of a worker, behind its parameter block.
/** Philox words: 4 vectors. */
export const S_WORDS = 128;
/** Noise of 8 units x 8 replicas, i32. */
export const S_NOISE = 192;
/** Row sums of 4 units x 8 replicas: low bits, then the rest, i32. */
export const S_LOW = 448;
export const S_HIGH = 576;
// Words of the oscillator cell. Distance from the states to the voltages; 0: overdamped units.
export const O_VELOCITY = 704;
/** Right shift that brings a voltage to the scale of the state. */
export const O_FINENESS = 708;
/** (1 - e^-u) 2^30. */
export const O_DECAY = 712;
export const S_BYTES = 736;

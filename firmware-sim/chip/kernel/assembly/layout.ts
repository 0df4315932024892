// Memory map of the kernel, read by AssemblyScript and by TypeScript alike: untyped integer constants, nothing else.
// Page 0 is AssemblyScript's own; nothing of ours lies below TABLE, so its static data can never meet ours.

/** Gaussian table: 65536 int16. */
export const TABLE = 65536;
/** Couplings of the active program: int16 [row tile of 4][column pair with couplings][row in tile][column in pair]. */
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
// Addresses of arrays, one element per unit: its record, the constant part of its force (i64, Q59), its field code and
// multiplier (i32).
export const P_UNITS = 64;
export const P_CONSTANT = 68;
export const P_FIELD = 72;
export const P_FIELD_MULTIPLIER = 76;
/** What of the couplings of each tile of 4 rows is packed: records of R_BYTES. */
export const P_RANGES = 80;
// Addresses of arrays with one element per unit and replica.
export const P_STATE = 84;
export const P_CODES = 88;
export const P_CODES_NEXT = 92;
export const P_COLOUR = 96;

// Record of a unit, byte offsets: its force in this step that depends on nothing (i64, Q59), then multipliers (i32).
export const U_FORCE = 0;
export const U_J2 = 8;
export const U_J4 = 12;
export const U_COUPLING = 16;
export const U_NOISE = 20;
/** Weights of the old and the new value of coloured noise, Q30. */
export const U_MEMORY = 24;
export const U_FRESH = 28;
export const U_BYTES = 32;

// Record of a tile, u32 each: its first column pair, the one behind its last, and where they begin (in pairs of 4 rows).
export const R_FIRST = 0;
export const R_END = 4;
export const R_START = 8;
export const R_BYTES = 12;

// Constants, read from memory: V8 builds a v128 literal anew at every use, in three instructions.
export const C_PHILOX_0 = 100;
export const C_PHILOX_1 = 104;
/** Low bits of a partial sum. */
export const C_LOW_MASK = 108;
/** Byte address of an entry in the Gaussian table. */
export const C_INDEX_MASK = 112;
/** Half a state code. */
export const C_HALF_CODE = 116;
/** Largest and smallest state codes, two to a word. */
export const C_CODE_MAX = 120;
export const C_CODE_MIN = 124;
export const C_RAIL = 128;
export const C_RAIL_NEGATIVE = 132;
/** 2^31, 64 bits: half of the last bit of a force. */
export const C_HALF_FORCE = 136;

// Scratch of a worker, behind its parameter block.
/** Keys of the ten rounds of Philox, two words each. */
export const S_KEYS = 144;
/** Addresses in the Gaussian table of 8 units x 8 replicas, relative to TABLE: twice the halves of the Philox words. */
export const S_INDEX = 224;
/** Noise of 8 units x 8 replicas, i32. */
export const S_NOISE = 480;
/** Row sums of 4 units x 8 replicas: low bits, then the rest, i32. */
export const S_LOW = 736;
export const S_HIGH = 864;
/** The same, put together and scaled to the coupling multiplier's input. */
export const S_SUM = 992;
// Words of the oscillator cell. Distance from the states to the voltages; 0: overdamped units.
export const O_VELOCITY = 1120;
/** Right shift that brings a voltage to the scale of the state. */
export const O_FINENESS = 1124;
/** (1 - e^-u) 2^30. */
export const O_DECAY = 1128;
export const S_BYTES = 1136;

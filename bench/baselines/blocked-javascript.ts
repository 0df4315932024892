// The twin's step as good plain JavaScript would do it: float32, blocked over rows and replicas, Box-Muller noise. The
// baseline that the integer kernel is compared with in one run; never used by the product.

const ROWS = 4;

/** R replicas of N units, dense couplings; one call advances all by one Euler-Maruyama step of length dt. */
export function blockedStepper(units: number, replicas: number, dt: number): (steps: number) => void {
  const couplings = Float32Array.from({ length: units * units }, (_, k) => 0.05 * Math.sin(k));
  let state = new Float32Array(units * replicas);
  let next = new Float32Array(units * replicas);
  const force = new Float32Array(ROWS * replicas);
  const amplitude = Math.sqrt(2 * 0.1 * dt);
  let word = 0x9e3779b9;
  const uniform = (): number => {
    word ^= word << 13;
    word ^= word >>> 17;
    word ^= word << 5;
    return ((word >>> 0) + 1) / 4294967297;
  };

  const step = (): void => {
    for (let row = 0; row < units; row += ROWS) {
      const rows = Math.min(ROWS, units - row);
      force.fill(0);
      for (let column = 0; column < units; column++) {
        const source = column * replicas;
        for (let r = 0; r < rows; r++) {
          const coupling = couplings[(row + r) * units + column];
          const target = r * replicas;
          for (let k = 0; k < replicas; k++) force[target + k] += coupling * state[source + k];
        }
      }
      for (let r = 0; r < rows; r++) {
        const base = (row + r) * replicas;
        for (let k = 0; k < replicas; k += 2) {
          const radius = Math.sqrt(-2 * Math.log(uniform()));
          const angle = 2 * Math.PI * uniform();
          for (let half = 0; half < 2 && k + half < replicas; half++) {
            const x = state[base + k + half];
            const drift = 2 * x + 4 * x * x * x + force[r * replicas + k + half];
            next[base + k + half] =
              x - dt * drift + amplitude * radius * (half === 0 ? Math.cos(angle) : Math.sin(angle));
          }
        }
      }
    }
    [state, next] = [next, state];
  };
  return (steps) => {
    for (let s = 0; s < steps; s++) step();
  };
}

#!/usr/bin/env python3
"""Solves a linear system by noise, and says how sure it is.

A chip (or its twin) whose potential is x.A.x/2 - b.x fluctuates about A^-1 b with the covariance kT A^-1. This script uploads
A and b, lets the device relax many times, and compares means and covariances with the exact ones, each with its error bar.

    export THERMOLOOP_URL=http://127.0.0.1:8080 THERMOLOOP_KEY=tlk_...
    python3 examples/python/moments.py [DEVICE [SAMPLES]]

Exits with 1 when a moment is further from its exact value than five standard errors.
"""

import sys

import numpy as np

import thermoloop

KT = 0.1  # E0
A = np.array([[2.0, 0.8, 0.0], [0.8, 1.5, -0.4], [0.0, -0.4, 1.0]])  # E0; the slowest rate is 0.55 per unit of time
B = np.array([0.5, -0.3, 0.4])
RELAX_TIME_UNITS = 8  # the slowest correlations have decayed to exp(-2 * 0.55 * 8) = 1.5e-4
BOUND_Z = 5.0


def main(device="chip-0", samples=1500):
    service = thermoloop.Service()
    facts = service.capabilities(device)
    model = service.upload_linear_system(A, B, KT)
    job = service.run(
        model,
        device,
        count=int(samples),
        duration_s=RELAX_TIME_UNITS * facts["timeUnit_s"],
        progress=show,
        labels={"made": "moments.py"},
        **({"seed": 7} if facts["seed"] else {}),  # a chip refuses seeds
    )
    x = service.samples(job["id"])[:, -1].astype(float)  # the last read: one independent state per sample
    provenance = job["result"]["provenance"]
    print(f"{len(x)} samples of {provenance['device']}, a {provenance['backend']}, job {job['id']}")
    return 0 if compare(x) else 1


def compare(x):
    """Prints every moment beside its exact value; true when all agree."""
    n, units = x.shape
    mean, cov = np.linalg.solve(A, B), KT * np.linalg.inv(A)
    measured = np.cov(x, rowvar=False)
    rows = [(f"<x{i}>", x[:, i].mean(), mean[i], np.sqrt(cov[i, i] / n)) for i in range(units)]
    for i in range(units):
        for j in range(i, units):
            # Of a normal distribution: the variance of a sample covariance.
            error = np.sqrt((cov[i, i] * cov[j, j] + cov[i, j] ** 2) / (n - 1))
            rows.append((f"cov{i}{j}", measured[i, j], cov[i, j], error))
    print(f"{'':8}{'measured':>12}{'+-':>10}{'exact':>12}{'z':>8}")
    worst = 0.0
    for name, value, exact, error in rows:
        z = (value - exact) / error
        worst = max(worst, abs(z))
        print(f"{name:8}{value:12.5f}{error:10.5f}{exact:12.5f}{z:8.2f}")
    print(f"largest deviation: {worst:.2f} standard errors, {BOUND_Z} allowed")
    return worst <= BOUND_Z


def show(now):
    if sys.stderr.isatty():
        print(f"\r{now['phase']}: {now['done']}/{now['total']} {now['unit']}   ", end="", file=sys.stderr)


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except thermoloop.ServiceError as error:
        sys.exit(f"moments.py: {error}")

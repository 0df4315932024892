// The wires of the board: every byte stream to the controller, with link faults planted into it. Ports attach to this one
// as they would to the controller itself.
import type { FaultRegistry } from '../faults/index.ts';
import type { Attachment, BoardClock, ByteSink, Controller } from '../firmware/index.ts';
import { FaultLane } from './fault-lane.ts';

/** Bytes to the host that may wait before the firmware is asked to. */
const HIGH_WATER_MARK_BYTES = 64 * 1024;

/** A controller whose streams fail as the registry says. */
export function withFaultLine(
  controller: Controller,
  registry: FaultRegistry,
  clock: BoardClock,
): Controller {
  return {
    attach: (sink) => attach(controller, sink, registry, clock),
    close: () => controller.close(),
  };
}

function attach(
  controller: Controller,
  sink: ByteSink,
  registry: FaultRegistry,
  clock: BoardClock,
): Attachment {
  const inForce = () => registry.inForce('link');
  /** Both have said that they take bytes again. */
  let sinkIsFull = false;
  let waiting = false;
  const drain = (): void => {
    if (!waiting || sinkIsFull || toHost.heldBytes > 0) return;
    waiting = false;
    inner.drained();
  };
  const toHost = new FaultLane({
    direction: 'to-host',
    clock,
    inForce,
    deliver: (bytes) => {
      if (!sink.write(bytes)) sinkIsFull = true;
    },
    emptied: drain,
  });
  const toDevice = new FaultLane({
    direction: 'to-device',
    clock,
    inForce,
    deliver: (bytes) => inner.receive(bytes),
    emptied: () => undefined,
  });
  const forget = registry.onChange(() => {
    toDevice.changed();
    toHost.changed();
  });
  const inner = controller.attach({
    write: (bytes) => {
      toHost.push(bytes);
      const takesMore = !sinkIsFull && toHost.heldBytes < HIGH_WATER_MARK_BYTES;
      if (!takesMore) waiting = true;
      return takesMore;
    },
    end: () => sink.end?.(),
  });
  return {
    receive: (bytes) => toDevice.push(bytes),
    drained: () => {
      sinkIsFull = false;
      drain();
    },
    detach: () => {
      forget();
      toDevice.close();
      toHost.close();
      inner.detach();
    },
  };
}

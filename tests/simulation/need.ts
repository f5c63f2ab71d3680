/** What the simulation found wrong; the message names accounts and attempts, so that it can be followed. */
export class SimulationFailure extends Error {
  override readonly name = 'SimulationFailure'
}

export function need(holds: boolean, what: string): asserts holds {
  if (!holds) throw new SimulationFailure(what)
}

import { need } from './need.ts'
import type { Simulation } from './simulation.ts'

/** Longer than the gateway waits between two tries. */
const SECONDS = 3

/** The disk has room again: within seconds every hold is given back that this process could not give back before. */
export async function assertGivenBack(simulation: Simulation): Promise<void> {
  const { life, watchdog } = simulation.process
  life.mend()
  for (let i = 0; i < SECONDS; i++) {
    watchdog.tick()
    await simulation.quiesce()
  }
  const [kept] = life.kept
  need(life.isDead || kept === undefined, `${kept} holds money for nobody though the disk has room`)
}

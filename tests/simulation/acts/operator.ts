import { nano, nanoPerMillion } from '#base/nano.ts'
import { plainBody, redeemFeesBody, rotateKeyBody, TILL_VALUE } from '#contracts'
import { PRICES } from '../gateway-process.ts'
import { appraise } from '../leases.ts'
import { quickKey } from '../quick-crypto.ts'
import { MODEL } from '../runner-model.ts'
import { ADMIN, meterHex, type Simulation } from '../simulation.ts'
import type { Act } from './act.ts'

const command = ({ chain }: Simulation, body: ReturnType<typeof plainBody>): boolean =>
  chain.deliver({ from: ADMIN, value: TILL_VALUE.operator, bounce: true, body })

/** What the registry job does; whatever it read is known from then on. */
export async function readRegistry({ process, knownRevoked, at }: Simulation) {
  await process.allowlist.refresh()
  const read = process.allowlist.snapshot()?.registry.entries.image ?? new Map()
  await appraise(process, at)
  for (const [image, { revokedAt }] of read) if (revokedAt !== 0) knownRevoked.add(image)
}

export const operator: readonly Act[] = [
  { name: 'the Registry is read', weight: 3, run: readRegistry },
  {
    name: 'an image is revoked',
    weight: 0.2,
    run: ({ registry, runners, dice, chain }) => {
      const runner = dice.pick(runners)
      registry.revoke(runner.image, chain.now)
    },
  },
  {
    name: 'a host upgrades',
    weight: 0.6,
    run: (simulation) => {
      const { registry, chain, dice } = simulation
      const runner = dice.pick(simulation.runners)
      if (registry.isActive(runner.image, chain.now)) return
      runner.image = (++simulation.images).toString(16).padStart(64, 'f')
      registry.add(runner.image, chain.now)
    },
  },
  {
    name: 'a price changes',
    weight: 0.5,
    run: ({ process, dice }) => {
      const offer = process.catalog.find(MODEL)
      if (offer === undefined) return
      const output = nanoPerMillion(PRICES.output + BigInt(dice.below(100)) * 4_000_000_000n)
      process.catalog.put({ ...offer, base: { ...PRICES, output } })
    },
  },
  {
    name: 'another meter key is announced',
    weight: 0.05,
    run: (simulation) => {
      const { dice, meters } = simulation
      const next = quickKey(`meter ${dice.below(1_000_000)}`)
      meters.set(meterHex(next), next)
      command(simulation, rotateKeyBody(next.publicKey, { dropPrevious: dice.chance(0.2) }))
    },
  },
  {
    name: 'the announced key counts, and the gateway gets it',
    weight: 0.3,
    run: async (simulation) => {
      command(simulation, plainBody('activateKey'))
      await takeMeterKey(simulation)
    },
  },
  {
    name: 'the rotation is off',
    weight: 0.02,
    run: (simulation) => void command(simulation, plainBody('cancelRotation')),
  },
  {
    name: 'the Till is frozen',
    weight: 0.03,
    run: (simulation) => void command(simulation, plainBody('freeze')),
  },
  {
    name: 'the operator takes fees',
    weight: 0.2,
    run: (simulation) => {
      const amount = nano(simulation.chain.till.fees / 2n)
      if (amount > 0n) command(simulation, redeemFeesBody(ADMIN, amount))
    },
  },
]

/** The operator configures the key that the Till honours now. */
export async function takeMeterKey(simulation: Simulation): Promise<void> {
  const { chain, meters } = simulation
  const key = meters.get(chain.till.meterKey)
  if (key === undefined || key === simulation.meter) return
  simulation.meter = key
  simulation.process.life.kill()
}

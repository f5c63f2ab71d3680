import { utf8 } from '#base/bytes.ts'
import { MOST_TOKENS } from '../leases.ts'
import { ClientModel } from '../network.ts'
import { MODEL } from '../runner-model.ts'
import { nameOf } from '../shadow.ts'
import type { Simulation } from '../simulation.ts'
import type { Act } from './act.ts'

/**
 * After any other error nothing may be charged. The engine's own may be; and where the books cannot be written, what is to be given
 * back waits in memory: a gateway that dies meanwhile has forgotten it, and the hold stays until its receipt or its deadline.
 */
const NOT_OUR_WORD = ['engine_failed', 'internal_error', 'cannot write its books']
const IDEMPOTENCY_KEYS = 30

function ask(simulation: Simulation): void {
  const { dice } = simulation
  const key = dice.maybe(simulation.keys)
  if (key === undefined) return
  if (dice.chance(0.02)) {
    askWithOldKey(simulation)
    return
  }
  send(simulation, key.text, (ended) => onEnd(simulation, ended))
}

/** Somebody kept a key that its owner took back. */
function askWithOldKey(simulation: Simulation): void {
  const { dice, takenBack, at } = simulation
  const old = dice.maybe(takenBack.filter(({ from }) => from <= at))
  if (old === undefined) return
  send(simulation, old.text, (client) => {
    simulation.clients.delete(client)
    if (client.status === 200) simulation.fail('a key that was taken back is served')
  })
}

function send(simulation: Simulation, key: string, onEnd: (client: ClientModel) => void): void {
  const { dice, clients, process } = simulation
  const once = dice.chance(0.2) ? `order ${dice.below(IDEMPOTENCY_KEYS)}` : undefined
  const body = {
    model: MODEL,
    stream: dice.chance(0.7),
    max_tokens: 1 + dice.below(dice.chance(0.7) ? 24 : MOST_TOKENS),
    messages: [{ role: 'user', content: 'a'.repeat(dice.below(20)) }],
  }
  const client = new ClientModel(dice, onEnd)
  clients.add(client)
  const headers = new Map([
    ['authorization', `Bearer ${key}`],
    ...(once === undefined ? [] : ([['idempotency-key', once]] as const)),
  ])
  if (dice.chance(0.02)) client.leave()
  process
    .serve(
      {
        method: 'POST',
        path: '/v1/chat/completions',
        query: () => new URLSearchParams(),
        header: (name) => headers.get(name),
        client,
        from: () => '',
        readBody: async () => utf8(JSON.stringify(body)),
      },
      undefined,
    )
    ?.catch((error: unknown) => simulation.fail(`an exchange rejects: ${String(error)}`))
}

function onEnd(simulation: Simulation, client: ClientModel): void {
  const { clients, refused, requests, shadow, crashes } = simulation
  clients.delete(client)
  const { id, status, tail } = client
  if (id === undefined) return
  requests.set(id, { client, life: crashes })
  if (client.gone || status < 400 || NOT_OUR_WORD.some((code) => tail.includes(code))) return
  refused.add(id)
  const attempts = [1, 2, 3].map((attempt) => shadow.holds.get(nameOf({ request: id, attempt })))
  if (attempts.some((hold) => hold?.state === 'settled')) {
    simulation.fail(`${id} was charged and its client got ${status}`)
  }
}

export const requests: readonly Act[] = [
  {
    name: 'clients ask, at once',
    weight: 25,
    run: (simulation) => {
      for (let n = 1 + simulation.dice.below(4); n > 0; n--) ask(simulation)
    },
  },
  {
    name: 'bytes arrive',
    weight: 100,
    run: async ({ network, dice }) => {
      for (let n = 1 + dice.below(8); n > 0; n--) await network.advance()
    },
  },
  {
    name: 'a client leaves',
    weight: 2,
    run: ({ dice, clients }) => dice.maybe([...clients])?.leave(),
  },
  {
    name: 'clients read on',
    weight: 6,
    run: ({ clients }) => {
      for (const client of clients) client.drain()
    },
  },
  { name: 'a recorded request is sent again', weight: 2, run: ({ network }) => network.replay() },
]

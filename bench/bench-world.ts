import { join } from 'node:path'
import { hex } from '#base/bytes.ts'
import { freePorts } from '#dev/world/ports.ts'
import { startWorld, type World } from '#dev/world/world.ts'
import { parseKeyset, preferredSealingKey } from '#protocol'
import { ENDPOINT, PROMPT, type Subject } from './subject.ts'

const DEPOSIT_TON = '900'

/** The whole product with an engine that plays scripts, and money for every row. */
export async function startBenchWorld(): Promise<World> {
  return startWorld({
    ports: await freePorts(),
    folder: join(process.cwd(), '.cocoon/bench/world'),
    engine: {
      model: 'bench',
      engine: { kind: 'scripted', script: 'c100g0' },
      weights: `sha256:${'0'.repeat(64)}`,
    },
    depositTon: DEPOSIT_TON,
    capacity: 1_024,
    // The chain's own work is not the relay's.
    minChargeTon: '1000000',
  })
}

/** The scripted engine behind our runner plays the script that the last message is. */
export function gatewaySubject({ info, gateway }: World): Subject {
  const [model = ''] = info.models
  return {
    name: 'Cocoon, plain client',
    port: Number(new URL(info.baseUrl).port),
    pid: gateway.pid,
    headers: { authorization: `Bearer ${info.apiKey}` },
    body: (script, stream) =>
      JSON.stringify({
        model,
        stream,
        max_tokens: 200,
        messages: [
          { role: 'system', content: PROMPT },
          { role: 'user', content: script },
        ],
      }),
  }
}

/** A client that sealed its bodies to the runner itself: the gateway relays what it cannot read. */
export async function sealedSubject(world: World): Promise<Subject> {
  const { info } = world
  const plain = gatewaySubject(world)
  const [runner] = (await readJson(`${info.baseUrl}/runners`)).data
  const document = await readJson(`${info.baseUrl}/aci/sessions/${runner.session_id}`)
  const { suite, publicKey } = preferredSealingKey(parseKeyset(document.workload_keyset, 'keyset'))
  return {
    ...plain,
    name: 'Cocoon, sealed client',
    path: `/runners/${info.runnerId}${ENDPOINT}`,
    headers: { ...plain.headers, 'x-cocoon-max-tokens': '256' },
    seal: {
      suite,
      publicKey: hex(publicKey),
      session: runner.session_id,
      model: info.models[0] ?? '',
      endpoint: ENDPOINT,
    },
  }
}

// The shapes of openapi.yaml; a wrong one fails in the parser of the keyset.
async function readJson(url: string): Promise<{
  readonly data: readonly [{ readonly session_id: string }]
  readonly workload_keyset: unknown
}> {
  return (await fetch(url)).json()
}

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toSeconds, unixMs } from '#base/brand.ts'
import { simulationJson } from '#client'
import { simulatedQuoter, simulationOf } from '#dev/world/simulated-tee.ts'
import { startTestRunner, type TestRunner } from '#gateway/testing/test-runner.ts'
import { MODEL, startTestWorld, type TestAccount, type TestWorld } from '#gateway/testing/world.ts'
import { parseReceipt, signReceipt } from '#protocol'
import { generateSigner } from '#protocol/node'
import { closePlaces, type Outcome, openPlace, type Place } from '../verify/testing/verify-in.ts'

/** `cocoon verify` on the own receipts of a real gateway in a simulated machine. */
let world: TestWorld
let runner: TestRunner
let account: TestAccount
let place: Place
let flags: string[]
/** What somebody between the command and the gateway makes of an answer; undefined: he passes it on. */
let changed: (path: string, answer: Answer) => Answer | undefined = () => undefined

interface Answer {
  readonly status: number
  readonly body: string
}

const through: typeof fetch = async (input, init) => {
  const real = await fetch(input, init)
  const answer = { status: real.status, body: await real.text() }
  const { status, body } = changed(String(input), answer) ?? answer
  return new Response(body, { status })
}

beforeAll(async () => {
  world = await startTestWorld({ tee: true }, undefined, (tee) => simulatedQuoter(tee, 1))
  runner = await startTestRunner(world, { machine: 0 })
  account = await world.account(1_000_000n)
  place = await openPlace(through)
  const { anchors, collateral, images } = await simulationOf(world.tee)
  const created = toSeconds(unixMs(Date.now()))
  await place.write('roots.json', simulationJson({ anchors, collateral, created }))
  flags = ['--simulation', 'roots.json', '--image', images[1] ?? '']
  place.env['COCOON_API_KEY'] = account.key
})
afterAll(async () => {
  await runner?.close()
  await world?.close()
  await closePlaces()
})

function lineOf({ out }: Outcome, id: string): string | undefined {
  const lines = out.split('\n').map((line) => line.trim())
  return lines.find((line) => line.split(/\s+/)[1] === id)
}

/** A request, its bodies in files, and the address of its receipt. */
async function relayed(): Promise<string> {
  const body = JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'hi' }] })
  const response = await fetch(`${world.gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${account.key}` },
    body,
  })
  expect(response.status).toBe(200)
  await writeFile(join(place.folder, 'sent.json'), body)
  await writeFile(join(place.folder, 'came.json'), await response.text())
  const origin = world.gateway.origin
  return `${origin}/v1/aci/receipts/${response.headers.get('x-receipt-id')}?by=gateway`
}

const BODIES = ['--request', 'sent.json', '--response', 'came.json']
const CHECKS = [
  'receipt.gateway',
  'receipt.keyset',
  'receipt.signature',
  'receipt.upstream',
  'receipt.forwarded',
  'receipt.request',
  'receipt.response',
  'report.fresh',
  'evidence.report-data',
  'evidence.image',
]

test('a gateway’s own receipt stands on its evidence, the session, the runner’s receipt and the bodies', async () => {
  const outcome = await place.verify(await relayed(), ...flags, ...BODIES)
  expect(CHECKS.map((id) => lineOf(outcome, id))).toEqual(CHECKS.map((id) => `pass  ${id}`))
  expect(outcome.out).toMatch(/^verdict +SIMULATED/m)
  expect(outcome.code).toBe(3)
})

test('without the bodies, and where the gateway has nothing more, the rest is said to be skipped', async () => {
  const url = await relayed()
  changed = (path) =>
    path.includes('/sessions/') || !/by=gateway|attestation/.test(path)
      ? { status: 404, body: '{}' }
      : undefined
  const outcome = await place.verify(url, ...flags)
  changed = () => undefined
  for (const id of ['receipt.upstream', 'receipt.forwarded', 'receipt.request']) {
    expect(lineOf(outcome, id)).toMatch(/^skip/)
  }
  expect(outcome.code).toBe(3)
})

/** A change of the JSON that one path answers. */
const altering =
  (path: RegExp, change: (json: Record<string, unknown>) => unknown): typeof changed =>
  (url, { status, body }) =>
    path.test(url) ? { status, body: JSON.stringify(change(JSON.parse(body))) } : undefined

const OWN = /by=gateway/
const RUNNERS = /receipts\/req_[0-9a-f]+$/

describe('it is refused', () => {
  test.each<[string, string, typeof changed]>([
    ['one word changed', 'receipt.signature', altering(OWN, (r) => ({ ...r, model: 'another' }))],
    [
      'signed by a key of nobody’s evidence',
      'receipt.signature',
      altering(OWN, (r) => {
        const receipt = parseReceipt(r, 'receipt')
        return signReceipt(receipt, generateSigner(receipt.key_id))
      }),
    ],
    [
      'under a keyset that the gateway’s evidence does not vouch for',
      'receipt.keyset',
      altering(OWN, (r) => ({ ...r, workload_keyset_digest: `sha256:${'00'.repeat(32)}` })),
    ],
    [
      'with another session’s document',
      'receipt.upstream',
      altering(/sessions\//, (s) => ({ ...s, established_at: 1 })),
    ],
    [
      'with a runner’s receipt of other bytes',
      'receipt.forwarded',
      altering(RUNNERS, (r) => ({
        ...r,
        // Sound: the runner's receipt as JSON, unparsed: its amounts are texts.
        event_log: (r['event_log'] as { readonly type: string }[]).map((event) =>
          event.type === 'request.received'
            ? { ...event, body_hash: `sha256:${'00'.repeat(32)}` }
            : event,
        ),
      })),
    ],
    [
      'with a runner’s receipt that the runner did not sign',
      'receipt.forwarded',
      altering(RUNNERS, (r) => ({ ...r, signature: '00'.repeat(64) })),
    ],
    [
      'with evidence of an earlier nonce',
      'evidence.report-data',
      altering(/attestation/, () => stale),
    ],
  ])('%s', async (_, check, change) => {
    const url = await relayed()
    const nonce = 'ab'.repeat(32)
    stale ??= await (
      await fetch(`${world.gateway.origin}/v1/aci/attestation?nonce=${nonce}`)
    ).json()
    changed = change
    const outcome = await place.verify(url, ...flags, ...BODIES)
    changed = () => undefined
    expect(lineOf(outcome, check)).toMatch(/^FAIL/)
    expect(outcome.code).toBe(1)
  })

  test('over another body', async () => {
    const url = await relayed()
    const outcome = await place.verify(url, ...flags, '--request', 'came.json')
    expect(lineOf(outcome, 'receipt.request')).toMatch(/^FAIL/)
    expect(outcome.code).toBe(1)
  })

  test('from a runner’s evidence instead of a gateway’s', async () => {
    const url = await relayed()
    const of = await runner.report('cd'.repeat(32))
    changed = altering(/attestation/, () => of)
    const outcome = await place.verify(url, ...flags)
    changed = () => undefined
    expect(lineOf(outcome, 'receipt.gateway')).toMatch(/^FAIL/)
    expect(outcome.code).toBe(1)
  })

  test('when the gateway shows the runner’s receipt for its own', async () => {
    const url = await relayed()
    const response = await fetch(url.replace('?by=gateway', ''), {
      headers: { authorization: `Bearer ${account.key}` },
    })
    const runners = await response.json()
    changed = altering(OWN, () => runners)
    const outcome = await place.verify(url, ...flags)
    changed = () => undefined
    expect(outcome.err).toContain('not its own')
    expect(outcome.code).toBe(1)
  })
})

let stale: unknown

test('from files, offline: the receipt, the report, the collateral', async () => {
  const url = await relayed()
  const json = async (path: string) =>
    (await fetch(path, { headers: { authorization: `Bearer ${account.key}` } })).json()
  await place.write('receipt.json', await json(url))
  const nonce = 'ef'.repeat(32)
  const report = `${world.gateway.origin}/v1/aci/attestation?nonce=${nonce}`
  await place.write('report.json', await json(report))
  const given = ['receipt.json', ...flags, '--nonce', nonce, ...BODIES]
  const outcome = await place.verify(...given, '--report', 'report.json')
  expect(lineOf(outcome, 'receipt.signature')).toBe('pass  receipt.signature')
  expect(lineOf(outcome, 'receipt.response')).toBe('pass  receipt.response')
  expect(outcome.code).toBe(3)
  const without = await place.verify(...given)
  expect(without.code).toBe(2)
  expect(without.err).toContain('--report')
})

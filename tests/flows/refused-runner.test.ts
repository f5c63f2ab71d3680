import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { copyBytes } from '#base/bytes.ts'
import type { SimulatedTee } from '#dev/world/simulated-tee.ts'
import { type RegistrationChanges, RegistrationRefused } from '#gateway/testing/register-runner.ts'
import { startTestRunner, type TestRunner } from '#gateway/testing/test-runner.ts'
import { MODEL, PAYEE, startTestWorld, type TestWorld } from '#gateway/testing/world.ts'
import { generateSealingKey, type Keyset, keysetDigest, type Report } from '#protocol'
import { generateSigner, nodeProvider } from '#protocol/node'
import { Payer } from '../support/account.ts'

/** A runner that cannot prove what it is gets no lease, is listed nowhere, and is sent nothing. */
let world: TestWorld
let payer: Payer
let trap: Server
let trapUrl: string
let trapped = 0

beforeAll(async () => {
  world = await startTestWorld()
  const { id, key } = await world.account(1_000_000n)
  payer = new Payer(world.gateway.origin, key, id)
  // Where the refused runner says that it is reached: nobody may ever call.
  trap = createServer((_, response) => {
    trapped++
    response.end()
  })
  trap.listen(0, '127.0.0.1')
  await once(trap, 'listening')
  const address = trap.address()
  if (address === null || typeof address === 'string') throw new TypeError('no port')
  trapUrl = `http://127.0.0.1:${address.port}`
}, 120_000)
afterAll(async () => {
  trap?.close()
  await world?.close()
})

const THIEF = `0:${'66'.repeat(32)}`

const runners = async () => (await (await payer.get('/v1/runners')).json()).data
const chat = () =>
  payer.chat({ model: MODEL, max_tokens: 8, messages: [{ role: 'user', content: 'hi' }] })

/** @returns how the gateway refused it */
async function refusal(changes: RegistrationChanges, tee: SimulatedTee = world.tee) {
  try {
    const runner = await startTestRunner(
      { gateway: world.gateway, tee },
      { url: trapUrl, ...changes },
    )
    await runner.close()
  } catch (error) {
    if (error instanceof RegistrationRefused) return { status: error.status, ...error.error }
    throw error
  }
  throw new Error('the runner was admitted')
}

/** Turns one bit of one byte of base64 text. */
function turnBit(text: string, at: number): string {
  const bytes = Buffer.from(text, 'base64')
  const index = at < 0 ? bytes.length + at : at
  bytes.writeUInt8(bytes.readUInt8(index) ^ 1, index)
  return bytes.toString('base64')
}

interface Evidence {
  tee: { report: string; vek: string }
  gpu: { nonce: string; devices: { evidence: string; certificate: string }[] }
}

/** The report with its evidence changed, after everything was signed. */
function tampered(change: (evidence: Evidence) => void): RegistrationChanges {
  return {
    report: (honest) => {
      const report = structuredClone(honest)
      // Sound: the simulated AMD machine's evidence has this form.
      change(report.attestation.evidence as unknown as Evidence)
      return report
    },
  }
}

/** The report with another keyset, its digest made to fit. */
function withKeyset(change: (keyset: Keyset) => Keyset): (honest: Report) => Report {
  return (honest: Report) => {
    const keyset = change(honest.attestation.workload_keyset)
    return {
      ...honest,
      workload_keyset_digest: keysetDigest(keyset),
      attestation: { ...honest.attestation, workload_keyset: keyset },
    }
  }
}

describe('refused, listed nowhere, and nothing is sealed to it: a runner', () => {
  afterEach(async () => {
    expect(await runners()).toEqual([])
    const answer = await chat()
    expect(answer.status).toBe(503)
    expect((await answer.json()).error.code).toBe('no_runner')
    expect(await payer.read()).toMatchObject({ held: 0n, settled: 0n })
    expect(trapped).toBe(0)
  })

  test('whose image the Registry does not list', async () => {
    const { amd } = world.tee
    const measurement = copyBytes(Buffer.alloc(48, 7))
    const other = { ...amd, report: (fields = {}) => amd.report({ ...fields, measurement }) }
    expect(await refusal({}, { ...world.tee, amd: other })).toMatchObject({
      status: 403,
      code: 'evidence_refused',
      param: 'evidence.image',
    })
  })

  const alterReport =
    (at: number) =>
    ({ tee }: Evidence): void => {
      tee.report = turnBit(tee.report, at)
    }
  const alterDevices =
    (member: 'evidence' | 'certificate', at: number) =>
    ({ gpu }: Evidence): void => {
      for (const device of gpu.devices) device[member] = turnBit(device[member], at)
    }
  const alterations: readonly (readonly [string, (evidence: Evidence) => void, RegExp])[] = [
    ['report data', alterReport(0x50), /^evidence\.report-data$/],
    ['launch measurement', alterReport(0x90), /^evidence\.image$/],
    ['guest policy', alterReport(0x08), /^sev\.report-signature$/],
    ['chip id', alterReport(0x1a0), /^sev\.vek-chip$/],
    ['signature', alterReport(0x2a0), /^sev\.report-signature$/],
    [
      'certificate',
      ({ tee }) => {
        tee.vek = turnBit(tee.vek, -1)
      },
      /^sev\.vek-chain$/,
    ],
    ['signature of the GPU', alterDevices('evidence', -1), /^gpu\./],
    ['certificate of the GPU', alterDevices('certificate', 200), /^gpu\./],
  ]

  test.each(alterations)('whose evidence has one bit turned: %s', async (_, alter, check) => {
    const refused = await refusal(tampered(alter))
    expect(refused).toMatchObject({ status: 403, code: 'evidence_refused' })
    expect(refused.param).toMatch(check)
    expect(refused.message).toContain(refused.param)
  })

  test('whose sealing key is not the one in the quote', async () => {
    const { publicKey } = await generateSealingKey(nodeProvider.suites['ehbp-x25519'])
    const report = withKeyset((keyset) => ({
      ...keyset,
      e2ee_public_keys: keyset.e2ee_public_keys.map((key) =>
        key.algo === 'ehbp-x25519'
          ? { ...key, public_key: Buffer.from(publicKey).toString('hex') }
          : key,
      ),
    }))
    expect(await refusal({ report })).toMatchObject({
      code: 'evidence_refused',
      param: 'evidence.report-data',
    })
  })

  test('whose receipt key is not the one in the quote', async () => {
    const signer = generateSigner('receipt-1')
    const report = withKeyset((keyset) => ({
      ...keyset,
      receipt_signing_keys: keyset.receipt_signing_keys.map((key) => ({
        ...key,
        public_key: Buffer.from(signer.publicKey).toString('hex'),
      })),
    }))
    expect(await refusal({ report, signer })).toMatchObject({
      code: 'evidence_refused',
      param: 'evidence.report-data',
    })
  })

  test('whose digest is not its keyset’s', async () => {
    const report = (honest: Report) => ({
      ...honest,
      workload_keyset_digest: `sha256:${'00'.repeat(32)}`,
    })
    expect(await refusal({ report })).toMatchObject({ code: 'invalid_registration' })
  })

  test('that signs with a key outside its keyset (H7)', async () => {
    const signer = generateSigner('receipt-1')
    expect(await refusal({ signer })).toMatchObject({ status: 403, code: 'signature_invalid' })
  })

  test('that registers for another gateway (H7)', async () => {
    expect(await refusal({ gateway: 'https://another.example' })).toMatchObject({
      status: 400,
      code: 'invalid_registration',
    })
  })

  test('whose registration pays another wallet than its quoted subject (H7)', async () => {
    const report = withKeyset((keyset) => ({
      ...keyset,
      subject: keyset.subject.replace('66'.repeat(32), '22'.repeat(32)),
    }))
    const refused = await refusal({ payee: THIEF, report })
    expect(refused).toMatchObject({ code: 'invalid_registration' })
    expect(refused.message).toContain('payee')
  })

  test('whose subject claims other weights than were quoted', async () => {
    const report = withKeyset((keyset) => ({
      ...keyset,
      subject: keyset.subject.replace('ab'.repeat(32), 'cd'.repeat(32)),
    }))
    expect(await refusal({ report })).toMatchObject({
      code: 'evidence_refused',
      param: 'evidence.report-data',
    })
  })

  test('whose challenge was made up', async () => {
    expect(await refusal({ challenge: 'ab'.repeat(32) })).toMatchObject({
      code: 'invalid_challenge',
    })
  })
})

describe('beside an honest runner', () => {
  let honest: TestRunner
  beforeAll(async () => {
    honest = await startTestRunner(world)
  })
  afterAll(() => honest?.close())
  afterEach(async () => {
    expect(await runners()).toMatchObject([{ id: honest.id, payee: PAYEE }])
    expect((await chat()).status).toBe(200)
    expect(trapped).toBe(0)
  })

  test('a relay of its fresh report under a thief’s key is refused (H7)', async () => {
    const { challenge } = await (await payer.post('/v1/runners/challenge', {})).json()
    const response = await fetch(`${honest.url}/v1/aci/attestation?nonce=${challenge}`)
    // Sound: the report that the honest runner's machine signed over the thief's challenge.
    const stolen = (await response.json()) as Report
    const refused = await refusal({ challenge, report: () => stolen, payee: PAYEE })
    expect(refused).toMatchObject({ status: 403, code: 'signature_invalid' })
  })

  test('the same hardware for another wallet is refused, and the first keeps its place', async () => {
    expect(await refusal({ payee: THIEF })).toMatchObject({
      status: 409,
      code: 'hardware_in_use',
    })
  })

  test('the same hardware for the same wallet is the same runner, not a second one', async () => {
    await honest.close()
    const again = await startTestRunner(world)
    expect(again.id).toBe(honest.id)
    honest = again
  })
})

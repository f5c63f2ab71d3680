import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { unixMs, unixSeconds } from '#base/brand.ts'
import { simulationJson } from '#client'
import {
  makeSimulatedTee,
  type SimulatedTee,
  simulatedQuoter,
  simulationOf,
} from '#dev/world/simulated-tee.ts'
import { openEngine, processDeps, QuoteError } from '#enclave-runner/main.ts'
import type { CommandIo } from '../command.ts'
import type { DoctorDeps } from '../doctor/examine.ts'
import { requestAdmission } from '../registry/request.ts'
import { testIo } from '../testing/test-io.ts'
import type { VerifyDeps } from '../verify/ask.ts'
import { doctorCommand } from './doctor.ts'
import { verifyCommand } from './verify.ts'

const NOW = 1_795_000_000
const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
const folder = mkdtempSync(join(tmpdir(), 'cocoon-doctor-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let tee: SimulatedTee
beforeAll(async () => {
  tee = await makeSimulatedTee(NOW)
  const { anchors, collateral } = await simulationOf(tee)
  writeFileSync(
    join(folder, 'roots.json'),
    JSON.stringify(simulationJson({ anchors, collateral, created: unixSeconds(NOW) })),
  )
})

/** A gateway that is up; the vendors are never asked, since the world's collateral is at hand. */
const answering =
  (date: number): typeof fetch =>
  async () =>
    new Response('{}', { headers: { date: new Date(date * 1000).toUTCString() } })

const well: DoctorDeps = {
  fetch: answering(NOW),
  clock: () => unixMs(NOW * 1000),
  random,
  openQuoter: async () => simulatedQuoter(tee, 0),
  openEngine: ({ engine, model, capacity }) =>
    openEngine(engine, model, { ...processDeps(), capacity, log: () => {} }),
}

const SETTINGS = [
  ['--env', 'development'],
  ['--model', 'tiny-demo'],
  ['--wallet', `0:${'ab'.repeat(32)}`],
  ['--gateways', 'http://127.0.0.1:9'],
  ['--weights', fileURLToPath(new URL('../../models/tiny-demo.gguf', import.meta.url))],
].flat()

function ioOf(lines: string[]): CommandIo {
  const say = (line: string): void => void lines.push(line)
  return testIo({ env: { COCOON_CACHE: folder }, cwd: folder, out: say, err: say })
}

/** `--flag value` pairs as they are parsed. */
function flags(args: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    args.flatMap((arg, i) => (arg.startsWith('--') ? [[arg.slice(2), args[i + 1] ?? '']] : [])),
  )
}

async function examined(
  change: Partial<DoctorDeps> = {},
  args: readonly string[] = SETTINGS,
  roots = 'roots.json',
) {
  const lines: string[] = []
  const code = await doctorCommand({ ...well, ...change }).run({
    ...ioOf(lines),
    args: [...args, '--simulation', roots],
  })
  return { code, text: lines.join('\n') }
}

describe('cocoon doctor', () => {
  test.each([0, 1])('machine %d in good health: every examination is made', async (machine) => {
    const quoter = simulatedQuoter(tee, machine)
    const { code, text } = await examined({ openQuoter: async () => quoter })
    for (const id of ['engine.health', 'tee.device', 'gpu.mode', 'gpu.evidence', 'clock.right']) {
      expect(text).toContain(`pass  ${id}`)
    }
    expect(text).toMatch(/image {6}[0-9a-f]{64}/)
    expect(text).toMatch(/simulated: \d+ passed, 0 failed/)
    expect(code).toBe(0)
  })

  test.each<[string, Partial<DoctorDeps>, RegExp]>([
    [
      'no TEE device',
      { openQuoter: () => Promise.reject(new QuoteError('device_missing', 'no device')) },
      /FAIL {2}tee\.device.*\n +remedy: Run inside an SEV-SNP or TDX guest/,
    ],
    [
      'a GPU out of confidential mode',
      {
        openQuoter: async () => ({
          ...simulatedQuoter(tee, 0),
          gpuState: () => Promise.reject(new QuoteError('gpu_unsafe', 'off')),
        }),
      },
      /FAIL {2}gpu\.mode.*\n +remedy: .*--set-cc-mode=on/,
    ],
    [
      'a clock an hour off',
      { fetch: answering(NOW + 3600) },
      /FAIL {2}clock\.right +3600 s away.*\n +remedy: Run an NTP client/,
    ],
    [
      'a gateway that is not there',
      { fetch: () => Promise.reject(new TypeError('refused')) },
      /FAIL {2}gateway\.reached +127\.0\.0\.1:9 does not answer/,
    ],
  ])('%s: what it is, and what to do', async (_, change, expected) => {
    const { code, text } = await examined(change)
    expect(text).toMatch(expected)
    expect(code).toBe(1)
  })

  test('an unreadable file of roots is wrong usage, not a sick machine', async () => {
    writeFileSync(join(folder, 'other.json'), '{}')
    await expect(examined({}, SETTINGS, 'other.json')).rejects.toThrow(/simulation file/)
  })

  test('an engine that cannot be opened', async () => {
    const args = SETTINGS.map((arg) => (arg.endsWith('.gguf') ? '/nowhere.gguf' : arg))
    const { code, text } = await examined({}, args)
    expect(text).toMatch(/FAIL {2}engine\.health/)
    expect(code).toBe(1)
  })

  test('every bad setting is named at once, and secrets are no arguments', async () => {
    await expect(examined({}, ['--env', 'development'])).rejects.toThrow(/WALLET.*MODEL/)
    const secret = [...SETTINGS, '--engine-api-key', 'sk-1']
    await expect(examined({}, secret)).rejects.toThrow(/ENGINE_API_KEY comes from/)
  })
})

describe('cocoon registry request', () => {
  async function requested(change: Partial<DoctorDeps> = {}) {
    const lines: string[] = []
    const args = { ...flags(SETTINGS), out: 'request.json', simulation: 'roots.json' }
    const code = await requestAdmission({ ...well, ...change })(ioOf(lines), args)
    return { code, text: lines.join('\n') }
  }

  test('writes what the owner verifies offline, and the entries that would admit it', async () => {
    const { code, text } = await requested()
    expect(code).toBe(0)
    const image = /registry add image ([0-9a-f]{64})/.exec(text)?.[1] ?? ''
    expect(text).toMatch(/registry add model [0-9a-f]{64}/)
    expect(text).toMatch(/registry add platform [0-9a-f]{64} +# amd:/)
    const lines: string[] = []
    const offline: VerifyDeps = { ...well, fetch: () => Promise.reject(new TypeError('offline')) }
    const args = ['request.json', '--bundle', 'request.json', '--image', image]
    const verified = await verifyCommand(offline).run({
      ...ioOf(lines),
      args: [...args, '--simulation', 'roots.json', '--allow-simulated'],
    })
    expect(lines.join('\n')).toMatch(/verdict +SIMULATED/)
    expect(verified).toBe(0)
  })

  test('a machine that would be refused gets no request, but what to mend', async () => {
    rmSync(join(folder, 'request.json'), { force: true })
    const openQuoter = () => Promise.reject(new QuoteError('device_missing', 'no device'))
    const { code, text } = await requested({ openQuoter })
    expect(text).toMatch(/FAIL {2}tee\.device.*\n +remedy:/)
    expect(code).toBe(1)
    expect(existsSync(join(folder, 'request.json'))).toBe(false)
  })
})

import { appendFileSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { nano } from '#base/nano.ts'
import { openOutbox } from '#enclave-runner/main.ts'
import type { CommandIo } from './command.ts'
import { UsageError } from './command.ts'
import { runnerStatus } from './runner-status.ts'
import { testIo } from './testing/test-io.ts'

const WALLET = `0:${'ab'.repeat(32)}`
const GATEWAY = 'https://gateway.example'

function ioOf(args: readonly string[]): CommandIo & { readonly lines: string[] } {
  const lines: string[] = []
  const say = (line: string): void => void lines.push(line)
  return { ...testIo({ args, out: say, err: say }), lines }
}

const performance = { success: 0.995, first_byte_ms: 40, tokens_per_second: 80, in_flight: 2 }
const runner = { id: 'run_1', model: 'm', state: 'admitted', available: true, capacity: 8 }
const ANSWERS: Readonly<Record<string, unknown>> = {
  [`/v1/hosts/${encodeURIComponent(WALLET)}`]: {
    earned: '5000000000',
    collected: '4000000000',
    vouchered: '3000000000',
    redeemed: '1000000000',
    runners: [
      {
        id: 'run_1',
        model: 'm',
        seen_at: 1,
        track_record: {
          day: {
            watched_seconds: 1000,
            up_seconds: 990,
            requests: { answered: 40, rejected: { timeout: 2, engine_error: 1 } },
          },
          week: { watched_seconds: 0, up_seconds: 0, requests: null },
        },
      },
      {
        id: 'run_0',
        track_record: {
          day: { watched_seconds: 1000, up_seconds: 500, requests: null },
          week: { watched_seconds: 1000, up_seconds: 500, requests: null },
        },
      },
    ],
  },
  '/v1/runners': {
    data: [
      { ...runner, payee: WALLET, performance },
      // Nothing was asked of it yet.
      {
        ...runner,
        id: 'run_3',
        payee: WALLET,
        performance: { ...performance, first_byte_ms: null, tokens_per_second: null },
      },
      { ...runner, id: 'run_2', payee: `0:${'cd'.repeat(32)}`, performance },
    ],
  },
}
const answering: typeof fetch = async (input) => {
  const answer = ANSWERS[String(input).slice(GATEWAY.length)]
  return answer === undefined ? new Response('{}', { status: 404 }) : Response.json(answer)
}

test('a host sees earnings, its own runners, what waits and what was refused and why', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'status-')), 'outbox')
  const outbox = openOutbox(path)
  const put = (receiptId: string): void =>
    outbox.put({
      gateway: GATEWAY,
      runner: 'run_1',
      receiptId,
      ref: 'r',
      cost: nano(2_000_000_000n),
      at: 1,
      receipt: {},
    })
  for (const id of ['a', 'b']) put(id)
  const refusal = { purpose: 'cocoon.refusal.v1', reason: 'not_charged' }
  outbox.refused({ gateway: GATEWAY, receiptId: 'b', answer: { refusal, signature: 'ab' } })
  // Its runner is in the middle of a write.
  appendFileSync(path, '{"torn')
  const io = ioOf(['--wallet', WALLET, '--gateways', GATEWAY, '--outbox', path])
  expect(await runnerStatus(io, answering)).toBe(0)
  const said = io.lines.join('\n')
  expect(said).toContain('earned      5 TON')
  expect(said).toContain('redeemed    1 TON')
  expect(said).toContain('run_1 m: available, 2 of 8 places taken, 99.5 % succeed')
  expect(said).toContain(
    '    last 24 hours   up 99.0 % of the time, 40 requests answered, failed: 2 timeout, 1 engine_error',
  )
  expect(said).toContain('    last 7 days     nothing counted yet')
  expect(said).toMatch(/run_0: no lease now\n +last 24 hours +up 50\.0 % of the time\n/)
  expect(said).toContain('first byte – ms, – tokens/s')
  expect(said).not.toContain('run_2')
  expect(said).toContain('1 receipts wait, 2 TON not yet vouchered')
  expect(said).toContain('refused     1 receipts: not_charged')
})

test('a host sees whether its outbox has the newest voucher, to be paid by when the gateway is gone', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'status-')), 'outbox')
  const outbox = openOutbox(path)
  const voucher = { till: WALLET, payee: WALLET, cumulative: '3000000000', signature: 'aa' }
  const renewed = { ...voucher, signature: 'bb' }
  const said = async (): Promise<string> => {
    const io = ioOf(['--wallet', WALLET, '--gateways', GATEWAY, '--outbox', path])
    const path_ = `/v1/hosts/${encodeURIComponent(WALLET)}`
    const doFetch: typeof fetch = async (input, init) =>
      String(input).endsWith(path_)
        ? Response.json({ ...(ANSWERS[path_] as object), voucher: renewed })
        : answering(input, init)
    expect(await runnerStatus(io, doFetch)).toBe(0)
    return io.lines.join('\n')
  }
  expect(await said()).toMatch(/voucher {5}none is kept here; .* newest, 3 TON in all/)
  outbox.vouched(GATEWAY, nano(3_000_000_000n), { ...voucher, meterKey: '11' })
  expect(await said()).toMatch(/voucher {5}3 TON in all are kept here.*newest, 3 TON in all/)
  outbox.vouched(GATEWAY, nano(3_000_000_000n), { ...renewed, meterKey: '22' })
  const last = await said()
  expect(last).toContain(`3 TON in all are kept here: cocoon till redeem ${path}`)
  expect(last).not.toContain('newest')
})

test('a gateway that does not answer is said to, and the rest is shown', async () => {
  const io = ioOf(['--wallet', WALLET, '--gateways', 'https://other.example', '--outbox', '/none'])
  expect(await runnerStatus(io, async () => new Response('x', { status: 502 }))).toBe(1)
  expect(io.lines.join('\n')).toMatch(/no answer that can be read[\s\S]*none at \/none/)
})

test('without a wallet it says what it takes', async () => {
  await expect(runnerStatus(ioOf([]), answering)).rejects.toThrow(UsageError)
})

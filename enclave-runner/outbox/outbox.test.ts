import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { nano } from '#base/nano.ts'
import type { Entry } from './ledger.ts'
import { createOutboxLedger, formatLine, outstanding, parseLine } from './ledger.ts'
import { openOutbox } from './outbox.ts'
import { OutboxError } from './outbox-error.ts'
import { readOutbox } from './read-outbox.ts'

const GATEWAY = 'http://gateway.example'
const newPath = () => join(mkdtempSync(join(tmpdir(), 'outbox-')), 'receipts')

const entry = (number: number, cost = 100n): Entry => ({
  gateway: GATEWAY,
  runner: 'run_1',
  receiptId: `req_${number}`,
  ref: 'opaque',
  cost: nano(cost),
  at: 1,
  receipt: { receipt_id: `req_${number}`, text: 'é' },
})

const ids = (path: string) =>
  openOutbox(path)
    .pending(GATEWAY, 1e6)
    .map((item) => item.receiptId)

test('what was put is there after closing and opening, until it is acknowledged', async () => {
  const path = newPath()
  const outbox = openOutbox(path)
  outbox.put(entry(1))
  outbox.put(entry(2))
  outbox.settled(GATEWAY, 'req_1', nano(90n))
  await outbox.close()
  expect(ids(path)).toEqual(['req_2'])
})

test('a killed process loses no receipt that it had put', async () => {
  const path = newPath()
  const writer = fileURLToPath(new URL('../testing/outbox-writer.ts', import.meta.url))
  const child = spawn(process.execPath, [writer, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8')
  for await (const piece of child.stdout) {
    text += piece
    if (text.split('\n').length > 500) child.kill('SIGKILL')
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  expect(child.signalCode).toBe('SIGKILL')
  // The child prints an id after `put` returned; the last printed line may itself be torn.
  const printed = text.split('\n').slice(0, -1)
  expect(printed.length).toBeGreaterThan(400)
  const kept = new Set(ids(path))
  expect(printed.filter((id) => !kept.has(id))).toEqual([])
})

test('a line torn by a kill is cut off and the next one is whole', async () => {
  const path = newPath()
  const first = openOutbox(path)
  first.put(entry(1))
  await first.close()
  appendFileSync(path, '{"kind":"put","entry":{"gate')
  const second = openOutbox(path)
  second.put(entry(2))
  await second.close()
  expect(ids(path)).toEqual(['req_1', 'req_2'])
})

test('a damaged line that is not the last stops the runner instead of losing pay silently', async () => {
  const path = newPath()
  appendFileSync(path, '{"kind":"put"}\n')
  expect(() => openOutbox(path)).toThrow(OutboxError)
})

test('the file stays small while receipts are acknowledged', async () => {
  const path = newPath()
  const outbox = openOutbox(path)
  const padding = 'x'.repeat(20_000)
  for (let number = 0; number < 2000; number++) {
    outbox.put({ ...entry(number), receipt: { padding } })
    outbox.settled(GATEWAY, `req_${number}`, nano(90n))
  }
  outbox.put(entry(5000))
  await outbox.close()
  expect(statSync(path).size).toBeLessThan(20 * 1024 * 1024)
  expect(ids(path)).toEqual(['req_5000'])
  expect(openOutbox(path).credit(GATEWAY).earned).toBe(2000n * 90n + 100n)
})

test('what was recorded counts though the file cannot be written anew now; it is as soon as it can', async () => {
  const path = newPath()
  // In the way of the file that would take its place.
  mkdirSync(`${path}.next`)
  const outbox = openOutbox(path)
  const padding = 'x'.repeat(20_000)
  for (let number = 0; number < 1000; number++) {
    outbox.put({ ...entry(number), receipt: { padding } })
    outbox.settled(GATEWAY, `req_${number}`, nano(90n))
  }
  expect(statSync(path).size).toBeGreaterThan(16 * 1024 * 1024)
  rmdirSync(`${path}.next`)
  outbox.put(entry(5000))
  await outbox.close()
  expect(statSync(path).size).toBeLessThan(1024 * 1024)
  expect(ids(path)).toEqual(['req_5000'])
})

test('keeps the voucher itself, with its signature, also when the file is written anew', async () => {
  const path = newPath()
  const voucher = (cumulative: string) => ({
    till: `0:${'77'.repeat(32)}`,
    payee: `0:${'11'.repeat(32)}`,
    cumulative,
    signature: 'ab'.repeat(64),
    meterKey: '11'.repeat(32),
  })
  const outbox = openOutbox(path)
  outbox.vouched(GATEWAY, nano(1000n), voucher('1000'))
  outbox.vouched(GATEWAY, nano(2000n), voucher('2000'))
  outbox.vouched(GATEWAY, nano(1500n), voucher('1500'))
  await outbox.close()
  const ledger = createOutboxLedger()
  for (const line of readFileSync(path, 'utf8').trim().split('\n')) ledger.apply(parseLine(line))
  const lines = ledger.snapshot().map(formatLine)
  expect(lines.filter((line) => line.includes('signature'))).toEqual([
    expect.stringContaining(JSON.stringify(voucher('2000'))),
  ])
  const again = createOutboxLedger()
  for (const line of lines) again.apply(parseLine(line))
  expect(again.snapshot().map(formatLine)).toEqual(lines)
})

test('keeps one voucher for each meter key: one renewed over the same sum, beside the one that it renews', async () => {
  const path = newPath()
  const voucher = (cumulative: string, meterKey: string) => ({
    till: `0:${'77'.repeat(32)}`,
    payee: `0:${'11'.repeat(32)}`,
    cumulative,
    signature: meterKey.repeat(2),
    meterKey,
  })
  const [dropped, present] = ['aa'.repeat(32), 'bb'.repeat(32)]
  const outbox = openOutbox(path)
  for (let i = 0; i < 3; i++) {
    outbox.vouched(GATEWAY, nano(1000n), voucher('1000', dropped))
    outbox.vouched(GATEWAY, nano(1000n), voucher('1000', present))
    outbox.vouched(GATEWAY, nano(900n), voucher('900', present))
  }
  expect(readFileSync(path, 'utf8').trim().split('\n')).toHaveLength(2)
  await outbox.close()
  const reopened = openOutbox(path)
  reopened.vouched(GATEWAY, nano(1200n), voucher('1200', present))
  await reopened.close()
  // Whether the Till still honours a key is known when one is redeemed: a gateway cannot void what it gave.
  expect(readOutbox(path, GATEWAY).vouchers).toEqual([
    voucher('1000', dropped),
    voucher('1200', present),
  ])
})

test('a gateway with a new meter key each time fills no file, and gets no credit for it', async () => {
  const path = newPath()
  const outbox = openOutbox(path)
  outbox.vouched(GATEWAY, nano(0n))
  for (let i = 1; i <= 100; i++) {
    const meterKey = i.toString(16).padStart(64, '0')
    const text = { till: `0:${'77'.repeat(32)}`, payee: `0:${'11'.repeat(32)}`, signature: 'ab' }
    outbox.vouched(GATEWAY, nano(BigInt(i)), { ...text, cumulative: String(i), meterKey })
  }
  expect(outbox.credit(GATEWAY).vouched).toBeLessThan(100n)
  await outbox.close()
  const kept = readOutbox(path, GATEWAY).vouchers
  expect(kept.length).toBeLessThan(100)
  expect(kept[0]?.cumulative).toBe('1')
})

test('a gateway owes the shares of its receipts less what its vouchers grew by', async () => {
  const path = newPath()
  const outbox = openOutbox(path)
  outbox.vouched(GATEWAY, nano(1000n))
  outbox.put(entry(1))
  outbox.put(entry(2))
  expect(outstanding(outbox.credit(GATEWAY))).toBe(200n)
  outbox.settled(GATEWAY, 'req_1', nano(90n))
  outbox.refused({ gateway: GATEWAY, receiptId: 'req_2', answer: {} })
  expect(outstanding(outbox.credit(GATEWAY))).toBe(90n)
  outbox.vouched(GATEWAY, nano(1060n))
  outbox.vouched(GATEWAY, nano(1050n))
  await outbox.close()
  const reopened = openOutbox(path)
  expect(outstanding(reopened.credit(GATEWAY))).toBe(30n)
  expect(reopened.refusals).toHaveLength(1)
})

test('the file is readable by its owner only', () => {
  const path = newPath()
  openOutbox(path).put(entry(1))
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(readFileSync(path, 'utf8')).toContain('req_1')
})
